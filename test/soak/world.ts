/** The world of a soak: a host, its small disk, a server that misbehaves, and catalogs that change. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { LoopDevice } from "../support/loop-device.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { Sandbox } from "../support/sandbox.ts";
import { inDays, SignedRepository } from "../support/signed-repository.ts";
import { shelfCatalogs } from "./plan.ts";
import { Random } from "./random.ts";
import type { Publication } from "./run.ts";
import { kernels, levels, type Slot, Stock, versionOf } from "./stock.ts";
import { UnrulyServer } from "./unruly-server.ts";

const firstSerial = 1000;
const diskMib = 128;

export class World implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly device: LoopDevice;
  readonly server: UnrulyServer;
  readonly stock: Stock;
  /** Signed catalogs, by serial. */
  readonly published: Publication[] = [];
  readonly shelf: Publication[] = [];
  readonly #folder: string;
  readonly #repository: SignedRepository;
  readonly #seed: string;
  readonly #served = new Set<string>();

  private constructor(
    seed: string,
    folder: string,
    device: LoopDevice,
    server: UnrulyServer,
    sandbox: Sandbox,
    repository: SignedRepository,
  ) {
    this.#seed = seed;
    this.#folder = folder;
    this.device = device;
    this.server = server;
    this.sandbox = sandbox;
    this.#repository = repository;
    this.stock = new Stock(join(sandbox.work, "builds"), sandbox.mirror);
    for (const file of readdirSync(sandbox.mirror)) {
      server.put(`/${file}`, readFileSync(join(sandbox.mirror, file)));
    }
    for (let index = 0; index < shelfCatalogs; index += 1) this.#shelve(index);
    this.publish();
  }

  /** Takes some seconds: an executable is built that trusts keys of its own. */
  static async start(seed: string): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "banger-soak-"));
    const repository = new SignedRepository(join(folder, "repository"), catalogText(1, []));
    const executable = rootedExecutable(folder, repository.root);
    const device = LoopDevice.create("ext4", { sizeMib: diskMib });
    const sandbox = new Sandbox({ state: join(device.folder, "state"), executable });
    const server = await UnrulyServer.start(seed);
    sandbox.useMirrors(server.url);
    // Nobody outside is asked when the mirror has nothing good.
    sandbox.setEnv("https_proxy", "http://127.0.0.1:9");
    sandbox.setEnv("BANGER_HTTP_RETRIES", "1");
    sandbox.setEnv("BANGER_HTTP_TIMEOUT", "1");
    spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
    return new World(seed, folder, device, server, sandbox, repository);
  }

  /** Signs the next catalog and serves it. Which builds it has is told by the seed and its serial. */
  publish(): void {
    const serial = firstSerial + this.published.length;
    const offers = this.#offers("catalog", serial, true);
    const atMs = performance.now();
    this.#repository.publish(this.#catalogText(serial, offers));
    for (const file of this.#repositoryFiles()) {
      const path = `/${relative(this.#repository.folder, file)}`;
      // All but the timestamp are never changed once they are there.
      if (this.#served.has(path) && !path.endsWith("/timestamp.json")) continue;
      this.#served.add(path);
      this.server.put(path, readFileSync(file));
    }
    this.published.push({ serial, atMs, offers });
  }

  /** The file of a catalog of the shelf. */
  shelfFile(index: number): string {
    return join(this.#folder, `shelf-${index}.json`);
  }

  /** What must be empty afterwards, and is not: nothing is kept but in the state folder. */
  strayFiles(): readonly string[] {
    const { home, folder, work } = this.sandbox;
    const strays = [home, join(folder, "tmp")].flatMap((place) =>
      readdirSync(place).map((name) => join(place, name)),
    );
    const known = ["builds", "rootfs.ext4"];
    return [...strays, ...readdirSync(work).filter((name) => !known.includes(name))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
    await this.server[Symbol.asyncDispose]();
    this.device.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #shelve(index: number): void {
    const offers = this.#offers("shelf", index, false);
    // Neither older nor newer than the first that is signed.
    writeFileSync(this.shelfFile(index), this.#catalogText(firstSerial, offers));
    this.shelf.push({ serial: firstSerial, atMs: performance.now(), offers });
  }

  #offers(what: string, number: number, mayLack: boolean): ReadonlyMap<Slot, string> {
    const random = new Random(this.#seed, what, number);
    const offers = new Map<Slot, string>();
    for (const kernel of kernels) {
      const version = versionOf(kernel, random.pick(levels));
      const isLacking = mayLack && random.chance(0.1);
      if (kernel.isOffered && !isLacking) offers.set(kernel.slot, version);
    }
    return offers;
  }

  #catalogText(serial: number, offers: ReadonlyMap<Slot, string>): string {
    const entries = [...offers].map(([slot, version]) => this.stock.find(slot, version).entry);
    return catalogText(serial, entries);
  }

  #repositoryFiles(): readonly string[] {
    const { folder } = this.#repository;
    return ["metadata", "targets"].flatMap((part) =>
      readdirSync(join(folder, part)).map((name) => join(folder, part, name)),
    );
  }
}

function catalogText(serial: number, entries: readonly object[]): string {
  return `${JSON.stringify({ version: 1, serial, updated: inDays(0), entries })}\n`;
}
