import path from "node:path";
import type { CatalogEntry, Sidecar } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { listNames, replaceFile } from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
import { hashFile, stampOf } from "../io/tree-reader.ts";
import { sidecarFileName, sidecarFilePrefix } from "./catalog-text.ts";
import { checkSidecar } from "./check-catalog.ts";

/** A sidecar and its text. */
export interface MadeSidecar {
  readonly sidecar: Sidecar;
  readonly text: string;
}

/** Where the sidecars of a tarball are kept, and how they are called for everybody. */
export interface SidecarPlace {
  readonly entry: CatalogEntry;
  readonly folder: string;
  readonly baseUrl: string;
}

/**
 * The sidecar of a tarball that an earlier run left in the folder: the one that the catalog names rather
 * than another. Sidecars that are damaged or of another tarball do not count.
 *
 * @param named what the catalog names now.
 */
export function keptSidecar(
  { entry, folder, baseUrl }: SidecarPlace,
  kind: string,
  named: Sidecar | undefined,
): Sidecar | undefined {
  const prefix = sidecarFilePrefix(entry, kind);
  const found: Sidecar[] = [];
  for (const name of listNames(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith(".json")) continue;
    const file = path.join(folder, name);
    const sidecar = sidecarAt(kind, file, `${baseUrl}${name}`);
    if (sidecar === undefined || sidecarFileName(entry, kind, sidecar.sha256) !== name) continue;
    if (isOf(file, entry, sidecar)) found.push(sidecar);
  }
  return found.find((sidecar) => sidecar.sha256 === named?.sha256) ?? found[0];
}

/** A sidecar of a tarball, in memory. */
export function makeSidecar(
  { entry, baseUrl }: Pick<SidecarPlace, "entry" | "baseUrl">,
  kind: string,
  text: string,
): MadeSidecar {
  const bytes = new TextEncoder().encode(text);
  const sha256 = new Sha256Hash().update(bytes).digest();
  const url = `${baseUrl}${sidecarFileName(entry, kind, sha256)}`;
  return { text, sidecar: { kind, url, sha256, size_bytes: bytes.length } };
}

/** Writes a sidecar into its folder. @throws {BangerError} `io`, `no-space` */
export function writeSidecar(file: string, sidecar: MadeSidecar): void {
  replaceFile(file, sidecar.text);
}

function sidecarAt(kind: string, file: string, url: string): Sidecar | undefined {
  const sha256 = hashFile(file);
  const stamp = stampOf(file);
  if (sha256 === undefined || stamp === undefined) return undefined;
  return { kind, url, sha256, size_bytes: stamp.sizeBytes };
}

function isOf(file: string, entry: CatalogEntry, sidecar: Sidecar): boolean {
  try {
    // What the catalog says of a proof comes of the proof: it is no reason to pass over it.
    checkSidecar(file, { ...entry, boot: undefined }, sidecar);
    return true;
  } catch (error) {
    if (error instanceof BangerError && error.code === "verification-failed") return false;
    throw error;
  }
}
