/** Throw-away keys in files, and a trust folder that is founded on them by banger-maint. */
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireExit } from "./answers.ts";
import type { ChildResult } from "./child.ts";

/** Runs banger-maint to its end, with further variables. */
export type RunMaint = (
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<ChildResult>;

/** Keys by name, in a folder of their own. */
export class TrustKeys {
  readonly #folder: string;

  constructor(folder: string, ...names: readonly string[]) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    for (const name of names) this.make(name);
  }

  /** The names that {@link found} takes. */
  static standard(folder: string): TrustKeys {
    return new TrustKeys(folder, "r1", "r2", "r3", "t1", "t2", "snapshot", "timestamp");
  }

  /** Makes a key, in the place of one that is there. */
  make(name: string): void {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(this.file(name), privateKey.export({ type: "pkcs8", format: "pem" }));
    writeFileSync(this.publicFile(name), publicKey.export({ type: "spki", format: "pem" }));
  }

  /** The file of the private key. */
  file(name: string): string {
    return join(this.#folder, `${name}.key`);
  }

  publicFile(name: string): string {
    return join(this.#folder, `${name}.pub`);
  }

  /** The variables in which CI has its keys. */
  get online(): Readonly<Record<string, string>> {
    return {
      BANGER_SNAPSHOT_KEY: readFileSync(this.file("snapshot"), "utf8"),
      BANGER_TIMESTAMP_KEY: readFileSync(this.file("timestamp"), "utf8"),
    };
  }

  /** The flags of `trust init`, of {@link standard} keys. */
  get initFlags(): readonly string[] {
    const files = (...names: readonly string[]): string[] =>
      names.map((name) => this.publicFile(name));
    return [
      "--root-key",
      ...files("r1", "r2", "r3"),
      "--targets-key",
      ...files("t1", "t2"),
      "--snapshot-key",
      ...files("snapshot"),
      "--timestamp-key",
      ...files("timestamp"),
    ];
  }

  /** Makes a root that two of three have signed. */
  async found(run: RunMaint): Promise<void> {
    requireExit(await run(["trust", "init", ...this.initFlags]));
    for (const name of ["r1", "r2"]) {
      requireExit(await run(["trust", "sign", "--key", this.file(name)]));
    }
  }

  /** Both sign the catalog as it is. */
  async signCatalog(run: RunMaint, ...flags: readonly string[]): Promise<void> {
    for (const name of ["t1", "t2"]) {
      requireExit(await run(["catalog", "sign", "--key", this.file(name), ...flags]));
    }
  }
}
