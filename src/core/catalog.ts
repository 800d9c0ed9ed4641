import * as v from "valibot";
import { isArch, type Arch } from "./arch.ts";
import { type BootSummary, bootSummarySchema } from "./boot-proof.ts";
import { BangerError } from "./errors.ts";
import { inspectJson } from "./json.ts";
import { isKernelName, type KernelName } from "./kernel-name.ts";
import { compareVersions, isKernelVersion, type KernelVersion } from "./kernel-version.ts";
import type { BuildSelector } from "./reference.ts";
import { fieldOf, shortened } from "./shortened.ts";
import { isSha256, type Sha256 } from "./sha256.ts";
import { type Support, supportSchema } from "./support.ts";
import { isUtcTime } from "./utc-time.ts";
import { type Withdrawn, withdrawnSchema } from "./withdrawn.ts";

/** A small document beside a tarball, as immutable as it. @see docs/formats/catalog.md */
export interface Sidecar {
  /** `build` says who built and published the tarball, and when. */
  readonly kind: string;
  /** An https URL whose last component is the file's name. */
  readonly url: string;
  readonly sha256: Sha256;
  readonly size_bytes: number;
}

/** One kernel of the catalog. @see docs/formats/catalog.md */
export interface CatalogEntry {
  readonly name: KernelName;
  readonly distro: string;
  readonly arch: Arch;
  readonly kernel_version: KernelVersion;
  /** An https URL whose last component is the file that mirrors carry. */
  readonly tarball_url: string;
  readonly tarball_sha256: Sha256;
  /** Bytes of the tarball. */
  readonly size_bytes: number;
  /** Bytes of the tar stream within, exactly. */
  readonly unpacked_bytes: number;
  /** Of the `vmlinux` within. */
  readonly vmlinux_sha256?: Sha256 | undefined;
  readonly description: string;
  /** What the kernel can do, as `kernel check` tells it: names of feature tags. */
  readonly features?: readonly string[] | undefined;
  /** How it booted when it was published; the sidecar of kind `boot` tells the rest. */
  readonly boot?: BootSummary | undefined;
  /** Until when its line is kept up, and by whom. */
  readonly support?: Support | undefined;
  /** Set when it must no longer be installed. */
  readonly withdrawn?: Withdrawn | undefined;
  /** Each kind once. */
  readonly sidecars?: readonly Sidecar[] | undefined;
}

/** The parsed catalog: entries in file order, each (name, arch) once. */
export interface Catalog {
  readonly version: 1;
  /** Grows with every change; tells older catalogs from newer ones. */
  readonly serial: number;
  /** RFC 3339, UTC. */
  readonly updated: string;
  readonly entries: readonly CatalogEntry[];
}

/** No tarball may be larger: 4 GiB. */
export const maxTarballBytes: number = 4 * 2 ** 30;
/** No tar stream may be larger: 16 GiB. */
export const maxUnpackedBytes: number = 16 * 2 ** 30;
/** No sidecar may be larger: 16 MiB. */
export const maxSidecarBytes: number = 16 * 2 ** 20;
/** No catalog file may be larger: 16 MiB. */
export const maxCatalogBytes: number = 16 * 2 ** 20;

const httpsUrl =
  /^https:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:\/[A-Za-z0-9._~+-]+)+$/;

const text = (what: string, maxLength: number) =>
  v.pipe(
    v.string(`must be ${what}`),
    v.minLength(1, `must be ${what}, not empty`),
    v.maxLength(maxLength, `must be at most ${maxLength} characters`),
  );
const wholeNumber = (what: string, min: number, max: number) =>
  v.pipe(
    v.number(`must be ${what}`),
    v.safeInteger(`must be ${what}`),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

const httpsFile = v.pipe(
  text("an https URL", 2048),
  v.startsWith("https://", "must be an https URL"),
  v.regex(
    httpsUrl,
    "must be a plain https URL to a file: no credentials, query, fragment or escapes",
  ),
  v.check((url) => !url.split("/").includes(".."), "must not contain .."),
);
const digest = v.custom<Sha256>(
  (value) => typeof value === "string" && isSha256(value),
  "must be 64 lower-case hexadecimal digits",
);

const sidecarFields = v.object(
  {
    kind: v.pipe(
      text("the kind of a sidecar", 64),
      v.regex(/^[a-z][a-z-]*$/, "must be lower-case letters and dashes"),
    ),
    url: httpsFile,
    sha256: digest,
    size_bytes: wholeNumber("a whole number of bytes", 1, maxSidecarBytes),
  },
  "must be an object",
);

const entryFields = {
  name: v.custom<KernelName>(
    (value) => typeof value === "string" && isKernelName(value),
    "must match ^[a-z0-9][a-z0-9.-]{0,63}$, without ..",
  ),
  distro: v.pipe(
    text("a distribution name", 64),
    v.regex(/^[a-z0-9][a-z0-9.-]*$/, "must be lower-case letters, digits, dots and dashes"),
  ),
  arch: v.custom<Arch>(
    (value) => typeof value === "string" && isArch(value),
    "must be x86_64 or arm64",
  ),
  kernel_version: v.custom<KernelVersion>(
    (value) => typeof value === "string" && isKernelVersion(value),
    "must be a kernel version such as 6.12.117",
  ),
  tarball_url: httpsFile,
  tarball_sha256: digest,
  size_bytes: wholeNumber("a whole number of bytes", 1, maxTarballBytes),
  unpacked_bytes: wholeNumber("a whole number of bytes", 1024, maxUnpackedBytes),
  description: v.pipe(
    v.string("must be text"),
    v.maxLength(1000, "must be at most 1000 characters"),
  ),
  vmlinux_sha256: v.optional(digest),
  features: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          text("the name of a feature", 64),
          v.regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, _ and -"),
        ),
        "must be a list",
      ),
      v.check((list) => new Set(list).size === list.length, "must not name a feature twice"),
    ),
  ),
  boot: v.optional(bootSummarySchema),
  support: v.optional(supportSchema),
  withdrawn: v.optional(withdrawnSchema),
  sidecars: v.optional(
    v.pipe(
      v.array(sidecarFields, "must be a list"),
      v.check(
        (list) => new Set(list.map(({ kind }) => kind)).size === list.length,
        "must not name a kind twice",
      ),
    ),
  ),
};

/** The first look at an entry: enough to know whether it is for an architecture of this release. */
const archOnly = v.object({ arch: v.string() });
const readEntry = v.object(entryFields, "must be an object");
const wholeCatalog = v.object(
  {
    version: v.literal(1, "must be 1: this banger reads version 1 of the format only"),
    serial: wholeNumber("a whole number", 1, Number.MAX_SAFE_INTEGER),
    updated: v.pipe(
      v.string("must be an RFC 3339 time in UTC"),
      v.check(isUtcTime, "must be an RFC 3339 time in UTC, like 2026-01-31T12:00:00Z"),
    ),
    entries: v.array(v.unknown(), "must be a list"),
  },
  "must be an object",
);

/**
 * Reads the text of a catalog. Beyond {@link parseCatalog} it refuses what `JSON.parse` would pass
 * over: a key that stands twice, and sizes written as fractions.
 *
 * @param json the file's text.
 * @param origin how the error calls the file, e.g. its path.
 * @throws {BangerError} `bad-catalog`, naming the entry and the field.
 */
export function parseCatalogText(json: string, origin: string): Catalog {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(origin, `it is not JSON: ${shortened(reason)}`, cause);
  }
  const { duplicateKey, fraction } = inspectJson(json, mustBeWhole);
  if (duplicateKey !== undefined) throw refuse(origin, `${duplicateKey} stands twice`);
  if (fraction !== undefined) throw refuse(origin, `${fraction}: must be a whole number`);
  return parseCatalog(value, origin);
}

function mustBeWhole(key: string, depth: number): boolean {
  return key.endsWith("_bytes") || (depth === 1 && (key === "serial" || key === "version"));
}

/**
 * Reads a catalog. Fields that are not known are passed over, and so are entries of architectures
 * that are not known; anything else that is wrong refuses the whole file.
 *
 * @throws {BangerError} `bad-catalog`, naming the entry and the field.
 */
export function parseCatalog(value: unknown, origin: string): Catalog {
  const head = v.safeParse(wholeCatalog, value);
  if (!head.success) throw refuse(origin, firstIssue(head.issues));
  const entries: CatalogEntry[] = [];
  const seen = new Set<string>();
  for (const [index, raw] of head.output.entries.entries()) {
    const early = v.safeParse(archOnly, raw);
    if (early.success && !isArch(early.output.arch)) continue;
    const parsed = v.safeParse(readEntry, raw);
    if (!parsed.success) {
      throw refuse(origin, `${entryLabel(raw, index)}: ${firstIssue(parsed.issues)}`);
    }
    const entry: CatalogEntry = parsed.output;
    const key = `${entry.name}:${entry.arch}`;
    if (seen.has(key)) throw refuse(origin, `${entryLabel(raw, index)}: name: ${key} stands twice`);
    seen.add(key);
    entries.push(entry);
  }
  return { ...head.output, entries };
}

function entryLabel(raw: unknown, index: number): string {
  const named = v.safeParse(v.object({ name: v.string() }), raw);
  const name = named.success ? ` (${JSON.stringify(named.output.name.slice(0, 80))})` : "";
  return `entry ${index + 1}${name}`;
}

function firstIssue(issues: readonly v.BaseIssue<unknown>[]): string {
  const [issue] = issues;
  if (issue === undefined) return "it does not follow the schema";
  const field = fieldOf(issue, "");
  const message = issue.received === "undefined" ? "is missing" : shortened(issue.message);
  return field === "" ? `it ${message}` : `${field}: ${message}`;
}

function refuse(origin: string, reason: string, cause?: unknown): BangerError {
  return new BangerError("bad-catalog", `cannot use the catalog ${origin}: ${reason}`, {
    hint: "the format is described in docs/formats/catalog.md",
    cause,
  });
}

/** The entry of this name and architecture, if the catalog has one. */
export function findEntry(catalog: Catalog, name: string, arch: Arch): CatalogEntry | undefined {
  return catalog.entries.find((entry) => entry.name === name && entry.arch === arch);
}

/** Whether the entry may be proposed to somebody: it is not withdrawn. */
export function isOffered(entry: CatalogEntry): boolean {
  return entry.withdrawn === undefined;
}

/** The entry to use in the place of a withdrawn one; undefined when none is named, there, and good. */
export function replacementOf(catalog: Catalog, entry: CatalogEntry): CatalogEntry | undefined {
  const name = entry.withdrawn?.replaced_by;
  const found = name === undefined ? undefined : findEntry(catalog, name, entry.arch);
  return found !== undefined && isOffered(found) ? found : undefined;
}

/** Whether the entry is the build that the reference selects; without selector every build is. */
export function entryMatches(entry: CatalogEntry, build: BuildSelector | undefined): boolean {
  if (build === undefined) return true;
  return build.by === "version"
    ? entry.kernel_version === build.version
    : entry.tarball_sha256 === build.sha256;
}

/** The entry to offer to somebody who names none: the newest generic kernel that is not withdrawn. */
export function recommendedEntry(catalog: Catalog, arch: Arch): CatalogEntry | undefined {
  return catalog.entries
    .filter((entry) => entry.arch === arch && entry.distro === "generic" && isOffered(entry))
    .toSorted((a, b) => compareVersions(b.kernel_version, a.kernel_version))[0];
}

/** The file name of an entry's tarball: the last component of its URL, the same on every mirror. */
export function tarballFile(entry: CatalogEntry): string {
  return fileOfUrl(entry.tarball_url);
}

/** The last component of a URL of the catalog. */
export function fileOfUrl(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1);
}
