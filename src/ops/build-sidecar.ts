import path from "node:path";
import {
  buildKind,
  type BuildRecord,
  buildTimes,
  formatBuildRecord,
  parseBuildLog,
} from "../core/build-record.ts";
import { type CatalogEntry, maxSidecarBytes } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import { readText } from "../io/files.ts";
import { type MadeSidecar, makeSidecar } from "./sidecars.ts";

/** What a build sidecar says beyond the entry. */
export interface BuildSidecarInput {
  /** With `vmlinux_sha256`. */
  readonly entry: CatalogEntry;
  /** Of the bundle's `provenance.json`; undefined when it has none. */
  readonly provenanceSha256: Sha256 | undefined;
  /** The cache of the checkout, where builds leave their logs. */
  readonly cache: string;
  readonly baseUrl: string;
  readonly publisher: string;
  /** RFC 3339, UTC. */
  readonly publishedAt: string;
}

/** Makes the build sidecar of a tarball, in memory. @throws {BangerError} `verification-failed`, `io` */
export function newBuildSidecar(input: BuildSidecarInput): MadeSidecar {
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
  return makeSidecar(input, buildKind, formatBuildRecord(record));
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
