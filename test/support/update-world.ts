/** A host, a server and a repository of signed catalogs, with an executable that trusts its root. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { documentOf, textAt, valueAt } from "./answers.ts";
import { Nginx } from "./nginx.ts";
import { rootedExecutable } from "./rooted-executable.ts";
import { type ChildResult, Sandbox } from "./sandbox.ts";
import { inDays, type RepositoryState, SignedRepository } from "./signed-repository.ts";

/** The serial of the catalog that is compiled in. */
export const embeddedSerial: number = serialOf(
  readFileSync(join(import.meta.dirname, "../../catalog/catalog.json"), "utf8"),
);

function serialOf(text: string): number {
  const serial = valueAt(JSON.parse(text), "serial");
  if (typeof serial !== "number") throw new Error("the catalog has no serial");
  return serial;
}

/** The text of a catalog. */
export function catalogText(serial: number, entries: readonly object[] = []): string {
  return `${JSON.stringify({ version: 1, serial, updated: inDays(0), entries }, undefined, 2)}\n`;
}

/** Keys, and an executable with their root; made once for many tests, in some seconds. */
export class RootOfTrust implements Disposable {
  readonly executable: string;
  readonly #folder: string;
  readonly #keys: RepositoryState["keys"];

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "banger-trust-"));
    const first = new SignedRepository(join(this.#folder, "first"), catalogText(1));
    this.#keys = first.state.keys;
    this.executable = rootedExecutable(this.#folder, first.root);
  }

  /** The keys of the embedded root, in lists that a test may change. */
  get keys(): RepositoryState["keys"] {
    const { root, targets, snapshot, timestamp } = this.#keys;
    return {
      root: [...root],
      targets: [...targets],
      snapshot: [...snapshot],
      timestamp: [...timestamp],
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** A root of trust for the tests of a file, and a world for each of them. */
export function useUpdateWorlds(): { readonly world: UpdateWorld } {
  let trust: RootOfTrust | undefined;
  let world: UpdateWorld | undefined;
  beforeAll(() => {
    trust = new RootOfTrust();
  }, 120_000);
  afterAll(() => {
    trust?.[Symbol.dispose]();
  });
  beforeEach(async () => {
    if (trust !== undefined) world = await UpdateWorld.start(trust);
  });
  afterEach(() => world?.[Symbol.asyncDispose]());
  return {
    get world() {
      if (world === undefined) throw new Error("there is a world only in a test");
      return world;
    },
  };
}

/** One host whose mirror is an nginx on a repository that has catalog 1000. */
export class UpdateWorld implements AsyncDisposable {
  /** A banger that trusts the repository's first root. */
  readonly executable: string;
  readonly sandbox: Sandbox;
  readonly repository: SignedRepository;
  readonly nginx: Nginx;

  private constructor(
    executable: string,
    sandbox: Sandbox,
    repository: SignedRepository,
    nginx: Nginx,
  ) {
    this.executable = executable;
    this.sandbox = sandbox;
    this.repository = repository;
    this.nginx = nginx;
  }

  /** @param options another place for the state folder than the sandbox's own. */
  static async start(
    trust: RootOfTrust,
    options: { readonly state?: string } = {},
  ): Promise<UpdateWorld> {
    const sandbox = new Sandbox({ executable: trust.executable, ...options });
    const folder = join(sandbox.folder, "repository");
    const repository = new SignedRepository(folder, catalogText(1000), { keys: trust.keys });
    const nginx = await Nginx.start({ root: repository.folder });
    sandbox.useMirrors(nginx.url);
    // Nobody outside is asked when the mirror has nothing good.
    sandbox.setEnv("https_proxy", "http://127.0.0.1:9");
    sandbox.setEnv("BANGER_HTTP_RETRIES", "0");
    return new UpdateWorld(trust.executable, sandbox, repository, nginx);
  }

  update(...args: readonly string[]): Promise<ChildResult> {
    return this.sandbox.banger(["catalog", "update", "--json", ...args]);
  }

  async status(): Promise<unknown> {
    return documentOf(await this.sandbox.banger(["catalog", "status", "--json"]));
  }

  /** An update that must fail with these words. */
  async expectRefused(args: readonly string[], words: RegExp, exitCode = 4): Promise<void> {
    const document = documentOf(await this.update(...args), exitCode);
    expect(textAt(document, "error.message")).toMatch(words);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nginx.stop();
    await this.sandbox.dispose();
  }
}
