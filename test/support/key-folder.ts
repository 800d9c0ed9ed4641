/** A folder of release keys like catalog/upstream-keys, of throw-away keys. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Gpg } from "./gpg.ts";

export interface FolderKey {
  /** Of the key in gpg's keyring. */
  readonly name: string;
  readonly fingerprint: string;
}

/** Writes the list and one file a key, `NAME.asc`. */
export function writeKeyFolder(folder: string, gpg: Gpg, keys: readonly FolderKey[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name } of keys) writeFileSync(join(folder, `${name}.asc`), gpg.exportArmored(name));
  const listed = keys.map(({ name, fingerprint }) => ({
    holder: `The ${name} holder`,
    fingerprint,
    file: `${name}.asc`,
  }));
  writeFileSync(join(folder, "fingerprints.json"), JSON.stringify({ keys: listed }));
}
