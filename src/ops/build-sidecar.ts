import path from "node:path";
import {
  buildKind,
  type BuildRecord,
  buildTimes,
  formatBuildRecord,
  parseBuildLog,
} from "../core/build-record.ts";
import { type CatalogEntry, maxSidecarBytes, type Sidecar } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import { listNames, readText, replaceFile } from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
import { hashFile, stampOf } from "../io/tree-reader.ts";
import { sidecarFileName, sidecarFilePrefix } from "./catalog-text.ts";
import { checkSidecar } from "./check-catalog.ts";

/** What a build sidecar says beyond the entry. */
export interface BuildSidecarInput {
  /** With `vmlinux_sha256`. */
  readonly entry: CatalogEntry;
  /** Of the bundle's `provenance.json`; undefined when it has none. */
  readonly provenanceSha256: Sha256 | undefined;
  /** Where sidecars are kept. */
  readonly folder: string;
  /** The cache of the checkout, where builds leave their logs. */
  readonly cache: string;
  readonly baseUrl: string;
  readonly publisher: string;
  /** RFC 3339, UTC. */
  readonly publishedAt: string;
}

/** A sidecar and its text. */
export interface BuildSidecar {
  readonly sidecar: Sidecar;
  readonly text: string;
}

/**
 * The build sidecar of a tarball that an earlier run left in the folder: the one that the catalog names
 * rather than another. Sidecars that are damaged or of another tarball do not count.
 *
 * @param named what the catalog names now.
 */
export function keptBuildSidecar(
  input: Pick<BuildSidecarInput, "entry" | "folder" | "baseUrl">,
  named: Sidecar | undefined,
): Sidecar | undefined {
  const { entry, folder, baseUrl } = input;
  const prefix = sidecarFilePrefix(entry, buildKind);
  const found: Sidecar[] = [];
  for (const name of listNames(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith(".json")) continue;
    const sidecar = sidecarAt(path.join(folder, name), `${baseUrl}${name}`);
    if (sidecar === undefined || sidecarFileName(entry, buildKind, sidecar.sha256) !== name)
      continue;
    if (isOf(path.join(folder, name), entry, sidecar)) found.push(sidecar);
  }
  return found.find((sidecar) => sidecar.sha256 === named?.sha256) ?? found[0];
}

/** Makes the build sidecar of a tarball, in memory. @throws {BangerError} `verification-failed`, `io` */
export function newBuildSidecar(input: BuildSidecarInput): BuildSidecar {
  const { entry, provenanceSha256, cache } = input;
  if (entry.vmlinux_sha256 === undefined) throw new Error("packing tells the hash of the kernel");
  const record: BuildRecord = {
    version: 1,
    kind: buildKind,
    name: entry.name,
    arch: entry.arch,
    kernel_version: entry.kernel_version,
    tarball_sha256: entry.tarball_sha256,
    vmlinux_sha256: entry.vmlinux_sha256,
    provenance_sha256: provenanceSha256 ?? null,
    published_at: input.publishedAt,
    published_by: input.publisher,
    built: provenanceSha256 === undefined ? null : buildTimesIn(cache, provenanceSha256),
  };
  const text = formatBuildRecord(record);
  const bytes = new TextEncoder().encode(text);
  const sha256 = new Sha256Hash().update(bytes).digest();
  const name = sidecarFileName(entry, buildKind, sha256);
  const url = `${input.baseUrl}${name}`;
  return { text, sidecar: { kind: buildKind, url, sha256, size_bytes: bytes.length } };
}

/** Writes a sidecar into its folder. @throws {BangerError} `io`, `no-space` */
export function writeSidecar(file: string, sidecar: BuildSidecar): void {
  replaceFile(file, sidecar.text);
}

function buildTimesIn(cache: string, provenanceSha256: Sha256): BuildRecord["built"] {
  const file = path.join(cache, "builds", `${provenanceSha256}.json`);
  const text = readText(file, maxSidecarBytes);
  if (text === undefined) return null;
  const log = parseBuildLog(text, file);
  if (log.provenance_sha256 === provenanceSha256) return buildTimes(log);
  throw new BangerError("verification-failed", `${file} is of another build`, {
    hint: `remove it: rm ${file}`,
  });
}

function sidecarAt(file: string, url: string): Sidecar | undefined {
  const sha256 = hashFile(file);
  const stamp = stampOf(file);
  if (sha256 === undefined || stamp === undefined) return undefined;
  return { kind: buildKind, url, sha256, size_bytes: stamp.sizeBytes };
}

function isOf(file: string, entry: CatalogEntry, sidecar: Sidecar): boolean {
  try {
    checkSidecar(file, entry, sidecar);
    return true;
  } catch (error) {
    if (error instanceof BangerError && error.code === "verification-failed") return false;
    throw error;
  }
}
