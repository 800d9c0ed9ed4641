/** What getting a kernel source takes: keys, a kernel.org, a cache. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKernelVersion, type KernelVersion } from "../../src/core/kernel-version.ts";
import { loadReleaseKeys, type ReleaseKeys } from "../../src/ops/build/release-keys.ts";
import { type KernelSource, obtainSource } from "../../src/ops/build/source.ts";
import type { MirroredSource } from "../../src/ops/build/mirrored-source.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { outcomeOf, type TestContext, testContext } from "./context.ts";
import { FakeKernelOrg } from "./fake-kernel-org.ts";
import { Gpg } from "./gpg.ts";
import { writeKeyFolder } from "./key-folder.ts";

/** How getting a source ended. */
export interface Obtained {
  /** `done`, or `CODE: MESSAGE`. */
  readonly outcome: string;
  readonly source: KernelSource | undefined;
  readonly context: TestContext;
}

export interface Wish {
  readonly line?: string;
  readonly version?: string;
  readonly mirrored?: MirroredSource;
  readonly keys?: ReleaseKeys;
  readonly retries?: number;
  readonly cache?: string;
  readonly signal?: AbortSignal;
}

export class SourceWorld implements AsyncDisposable {
  readonly gpg: Gpg;
  readonly folder: string;
  cache: string;
  readonly #certificates: Certificates;
  #org: FakeKernelOrg | undefined;

  constructor() {
    this.gpg = new Gpg();
    this.folder = mkdtempSync(join(tmpdir(), "banger-source-"));
    this.cache = join(this.folder, "cache");
    this.#certificates = makeCertificates();
  }

  get org(): FakeKernelOrg {
    if (this.#org === undefined) throw new Error("call reset() first");
    return this.#org;
  }

  /** A new kernel.org that has nothing, and an empty cache. */
  async reset(): Promise<void> {
    await this.#org?.[Symbol.asyncDispose]();
    this.#org = await FakeKernelOrg.start(this.#certificates.server);
    this.cache = mkdtempSync(join(this.folder, "cache-"));
  }

  /** Release keys of these names; each must be in gpg's keyring. */
  keys(...names: readonly string[]): ReleaseKeys {
    const folder = mkdtempSync(join(this.folder, "keys-"));
    const keys = names.map((name) => ({ name, fingerprint: this.gpg.fingerprint(name) }));
    writeKeyFolder(folder, this.gpg, keys);
    return loadReleaseKeys(folder);
  }

  async obtain(keys: ReleaseKeys, wish: Wish = {}): Promise<Obtained> {
    const { line = "6.12", version, mirrored, retries, signal } = wish;
    const context = this.context({ retries, signal });
    let source: KernelSource | undefined;
    const outcome = await outcomeOf(async () => {
      const input = {
        line,
        version: version === undefined ? undefined : versionOf(version),
        mirrored,
      };
      const cache = wish.cache ?? this.cache;
      source = await obtainSource(context, cache, keys, input, this.org.origin);
    });
    const short = outcome
      .replaceAll(this.org.server.url, "SERVER")
      .replaceAll(this.cache, "CACHE")
      .replaceAll(this.folder, "FOLDER");
    return { outcome: short, source, context };
  }

  context(
    changes: {
      readonly retries?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): TestContext {
    const { retries = 0, signal } = changes;
    const variables = { ...process.env, SSL_CERT_FILE: this.#certificates.caFile };
    return testContext({ variables, retries, ...(signal === undefined ? {} : { signal }) });
  }

  /** What the cache holds, folder by folder. */
  held(cache: string = this.cache): Readonly<Record<string, readonly string[]>> {
    const folders = readdirSync(cache).sort();
    return Object.fromEntries(folders.map((name) => [name, readdirSync(join(cache, name)).sort()]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#org?.[Symbol.asyncDispose]();
    this.gpg[Symbol.dispose]();
    this.#certificates.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function versionOf(text: string): KernelVersion {
  if (!isKernelVersion(text)) throw new Error(`${text} is no kernel version`);
  return text;
}
