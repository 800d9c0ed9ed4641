import * as v from "valibot";
import type { Arch } from "./arch.ts";
import type { KernelName } from "./kernel-name.ts";
import type { KernelVersion } from "./kernel-version.ts";
import { isSha256, type Sha256 } from "./sha256.ts";
import { parseSidecarText, sidecarIdentity, sidecarLine, sidecarTime } from "./sidecar-text.ts";

/** The kind of the sidecars that hold a {@link BuildRecord}. */
export const buildKind = "build";

/** When and where a kernel was compiled. Times are RFC 3339 in UTC. */
export interface BuildTimes {
  readonly started_at: string;
  readonly finished_at: string;
  readonly host: string;
  readonly cpus: number;
  /** Whether objects of earlier builds were used. */
  readonly ccache: boolean;
}

/**
 * What is dated about a tarball: the tarball itself holds no dates, so that the same build gives the
 * same bytes. The content of a sidecar of kind `build`.
 *
 * @see docs/formats/catalog.md
 */
export interface BuildRecord {
  readonly version: 1;
  readonly kind: typeof buildKind;
  readonly name: KernelName;
  readonly arch: Arch;
  readonly kernel_version: KernelVersion;
  readonly tarball_sha256: Sha256;
  readonly vmlinux_sha256: Sha256;
  /** Of the bundle's `provenance.json`; null when it has none. */
  readonly provenance_sha256: Sha256 | null;
  /** RFC 3339, UTC. */
  readonly published_at: string;
  readonly published_by: string;
  /** Null when nobody kept a record of it. */
  readonly built: BuildTimes | null;
}

/** What a build leaves in the cache of the checkout, by the SHA-256 of its `provenance.json`. */
export interface BuildLog extends BuildTimes {
  readonly version: 1;
  readonly provenance_sha256: Sha256;
}

const sha256 = v.custom<Sha256>(
  (value) => typeof value === "string" && isSha256(value),
  "must be 64 lower-case hexadecimal digits",
);
const times = {
  started_at: sidecarTime,
  finished_at: sidecarTime,
  host: sidecarLine,
  cpus: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  ccache: v.boolean(),
};

const recordSchema = v.object({
  version: v.literal(1),
  kind: v.literal(buildKind),
  ...sidecarIdentity,
  provenance_sha256: v.nullable(sha256),
  published_at: sidecarTime,
  published_by: sidecarLine,
  built: v.nullable(v.object(times)),
});
const logSchema = v.object({ version: v.literal(1), provenance_sha256: sha256, ...times });

/**
 * Reads a sidecar of kind `build`.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `verification-failed`, naming the field.
 */
export function parseBuildRecord(json: string, origin: string): BuildRecord {
  return parseSidecarText(recordSchema, json, `${origin} is no build record`);
}

/**
 * Reads what a build left in the cache.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `verification-failed`, naming the field.
 */
export function parseBuildLog(json: string, origin: string): BuildLog {
  return parseSidecarText(logSchema, json, `${origin} is no log of a build`);
}

/** The record as it is written: two-space JSON, fields in a fixed order, a final newline. */
export function formatBuildRecord(record: BuildRecord): string {
  const { built } = record;
  const ordered: BuildRecord = {
    version: record.version,
    kind: record.kind,
    name: record.name,
    arch: record.arch,
    kernel_version: record.kernel_version,
    tarball_sha256: record.tarball_sha256,
    vmlinux_sha256: record.vmlinux_sha256,
    provenance_sha256: record.provenance_sha256,
    published_at: record.published_at,
    published_by: record.published_by,
    built: built === null ? null : buildTimes(built),
  };
  return `${JSON.stringify(ordered, undefined, 2)}\n`;
}

/** The times alone, of a log too. */
export function buildTimes(log: BuildTimes): BuildTimes {
  const { started_at, finished_at, host, cpus, ccache } = log;
  return { started_at, finished_at, host, cpus, ccache };
}
