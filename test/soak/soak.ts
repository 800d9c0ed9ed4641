/** Many who use one store at once while everything goes wrong; and now and then a look at whether all is well. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { valueAt } from "../support/answers.ts";
import { FillingDisk, pause } from "./filling-disk.ts";
import { judgeEpoch } from "./judge-epoch.ts";
import { locksOn, processesWith } from "./leaks.ts";
import { actionsOf } from "./plan.ts";
import { Random } from "./random.ts";
import { type Facts, outcomeOf, type Run } from "./run.ts";
import { kernels } from "./stock.ts";
import { readStore, type StoreOnDisk } from "./store-on-disk.ts";
import { work, type Work } from "./worker.ts";
import { World } from "./world.ts";

export interface SoakOptions {
  readonly seed: string;
  /** How long the workers work, pauses for looks included. */
  readonly seconds: number;
  readonly workers: number;
  /** Where the log goes, one JSON line a process. */
  readonly log: string;
  readonly say?: (line: string) => void;
}

export interface SoakReport {
  readonly runs: number;
  /** `VERB: OUTCOME` → how often. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How the server answered → how often. */
  readonly answers: ReadonlyMap<string, number>;
  readonly signals: ReadonlyMap<string, number>;
  readonly catalogs: number;
  readonly fullDisks: number;
  readonly looks: number;
  readonly histories: number;
  readonly operations: number;
  readonly undecided: number;
  readonly findings: readonly string[];
}

const epochSeconds = 10;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  await using world = await World.start(options.seed);
  return await new Soak(options, world).run();
}

class Soak {
  readonly #options: SoakOptions;
  readonly #world: World;
  readonly #disk: FillingDisk;
  readonly #random: Random;
  readonly #facts: Facts;
  readonly #findings: string[] = [];
  readonly #outcomes = new Map<string, number>();
  readonly #signals = new Map<string, number>();
  readonly #kept: { readonly atMs: number; readonly serial: number }[] = [];
  #runs = 0;
  #looks = 0;
  #histories = 0;
  #operations = 0;
  #undecided = 0;

  constructor(options: SoakOptions, world: World) {
    this.#options = options;
    this.#world = world;
    this.#disk = new FillingDisk(world.device.folder, options.seed);
    this.#random = new Random(options.seed, "soak");
    this.#facts = {
      stock: world.stock,
      published: world.published,
      shelf: world.shelf,
      keptSerial: (atMs) =>
        Math.max(0, ...this.#kept.filter((one) => one.atMs <= atMs).map(({ serial }) => serial)),
      wasFull: (fromMs, toMs) => this.#disk.wasFull(fromMs, toMs),
    };
  }

  async run(): Promise<SoakReport> {
    const { seed, seconds, workers, log } = this.#options;
    mkdirSync(join(log, ".."), { recursive: true });
    writeFileSync(log, "");
    await this.#must("catalog", "update");
    const works = Array.from({ length: workers }, (_, worker): Work => ({
      world: this.#world,
      worker,
      actions: actionsOf(seed, worker),
      nextNumber: () => (this.#runs += 1),
    }));
    const endMs = performance.now() + seconds * 1000;
    let before = this.#look();
    while (performance.now() < endMs) {
      const leftMs = endMs - performance.now();
      const runs = await this.#epoch(works, Math.min(epochSeconds * 1000, leftMs));
      before = await this.#judge(runs, before);
    }
    await this.#end();
    return this.#report();
  }

  /** Everybody works for a while, and ends what is begun. */
  async #epoch(works: readonly Work[], forMs: number): Promise<readonly Run[]> {
    const { server } = this.#world;
    const over = new AbortController();
    const timer = setTimeout(() => {
      over.abort();
      // What is begun shall end.
      server.isUnruly = false;
    }, forMs);
    server.isUnruly = true;
    const [runs] = await Promise.all([
      Promise.all(works.map((one) => work(one, over.signal))),
      this.#disk.run(over.signal),
      this.#publish(over.signal),
    ]);
    clearTimeout(timer);
    return runs.flat().toSorted((a, b) => a.number - b.number);
  }

  async #publish(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await pause(this.#random.between(300, 2000), until);
      if (!until.aborted) this.#world.publish();
    }
  }

  async #judge(runs: readonly Run[], before: StoreOnDisk): Promise<StoreOnDisk> {
    for (const run of runs) this.#count(run);
    const after = this.#look();
    const verdict = judgeEpoch(runs, before, after, this.#facts);
    this.#find(...verdict.findings);
    this.#histories += verdict.histories;
    this.#operations += verdict.operations;
    this.#undecided += verdict.undecided;
    this.#options.say?.(
      `look ${this.#looks}: ${runs.length} processes, ${verdict.operations} answers in ${verdict.histories} histories, ${verdict.findings.length} findings`,
    );
    await this.#must("kernel", "verify");
    if (this.#random.chance(0.5)) {
      await this.#must("kernel", "gc");
      const passing = this.#look().leftovers.filter(
        (path) => path.startsWith("kernels/") || path.startsWith("the pin"),
      );
      this.#find(...passing.map((path) => `gc has left ${path}`));
    }
    return this.#look();
  }

  #count(run: Run): void {
    appendFileSync(this.#options.log, `${JSON.stringify(run)}\n`);
    add(this.#outcomes, `${run.action.verb}: ${outcomeOf(run)}`);
    if (run.sent !== null) add(this.#signals, run.sent);
    if (run.action.verb === "catalog update" && outcomeOf(run) === "done") {
      this.#kept.push({
        atMs: run.endMs,
        serial: Number(valueAt(JSON.parse(run.stdout), "serial")),
      });
    }
  }

  /** Nobody is at work: no process, no lock, and a store that is whole. */
  #look(): StoreOnDisk {
    const { sandbox, device, stock } = this.#world;
    this.#looks += 1;
    this.#find(
      ...processesWith(`BANGER_STATE_DIR=${sandbox.state}`).map(
        (one) => `a process is left: ${one}`,
      ),
      ...locksOn(device.folder).map((line) => `a lock is left: ${line}`),
    );
    const newest = Math.max(0, ...this.#kept.map(({ serial }) => serial));
    const kept = this.#keptOnDisk();
    if (kept < newest) this.#find(`catalog ${kept} is kept, an update reported ${newest}`);
    return readStore(sandbox.state, stock);
  }

  #keptOnDisk(): number {
    const file = join(this.#world.sandbox.state, "catalogs/banger.json");
    if (!existsSync(file)) return 0;
    const catalog: unknown = JSON.parse(
      String(valueAt(JSON.parse(readFileSync(file, "utf8")), "catalog")),
    );
    return Number(valueAt(catalog, "serial"));
  }

  /** A server that is well, a disk with room: all must go well, and nothing be left over. */
  async #end(): Promise<void> {
    const { sandbox, device, stock, published } = this.#world;
    await this.#must("catalog", "update");
    const newest = published.at(-1);
    if (this.#keptOnDisk() !== newest?.serial)
      this.#find("an update does not bring the newest catalog");
    for (const kernel of kernels.filter(({ slot }) => newest?.offers.has(slot))) {
      const reference = `${kernel.name}:${kernel.arch}`;
      await this.#must("kernel", "pull", "--force", reference);
      await this.#must(
        "image",
        "register",
        "--name",
        "last",
        "--rootfs",
        "rootfs.ext4",
        "--kernel-ref",
        reference,
        "--force",
      );
    }
    await this.#must("image", "rm", "last");
    for (const command of ["list", "gc", "verify"]) await this.#must("kernel", command);
    const whole = this.#look();
    for (const { slot } of kernels) {
      const version = newest?.offers.get(slot);
      const current = whole.kernels.get(slot)?.split("|")[0];
      if (version !== undefined && current !== `catalog ${version}`) {
        this.#find(`a last pull brought ${slot} ${version}, there is ${current}`);
      }
    }
    this.#find(...whole.problems, ...whole.leftovers.map((path) => `is left over: ${path}`));
    this.#find(...this.#world.strayFiles().map((file) => `is not in the state folder: ${file}`));
    // Fails while somebody has a file open there.
    device.remount();
    if (!Bun.deepEquals(readStore(sandbox.state, stock), whole)) {
      this.#find("after unmounting and mounting the store is another");
    }
  }

  #find(...findings: readonly string[]): void {
    this.#findings.push(...findings);
    for (const finding of findings) this.#options.say?.(`FINDING: ${finding}`);
  }

  /** At a quiet moment, everything succeeds. */
  async #must(...args: readonly string[]): Promise<void> {
    // A busy machine is no fault of the server's.
    const env = { BANGER_HTTP_TIMEOUT: "15" };
    const { exitCode, signal, stderr } = await this.#world.sandbox.banger(args, { env });
    if (exitCode === 0) return;
    const words = `banger ${args.join(" ")} ends with ${exitCode ?? signal}: ${stderr}`;
    this.#find(`at a quiet moment, ${words}`);
  }

  #report(): SoakReport {
    return {
      runs: this.#runs,
      outcomes: this.#outcomes,
      answers: this.#world.server.answers,
      signals: this.#signals,
      catalogs: this.#world.published.length,
      fullDisks: this.#disk.times.length,
      looks: this.#looks,
      histories: this.#histories,
      operations: this.#operations,
      undecided: this.#undecided,
      findings: this.#findings,
    };
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
