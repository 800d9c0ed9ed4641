import type { Arch } from "../core/arch.ts";
import { bootKind, bootSummary, bootSummaryKeys } from "../core/boot-proof.ts";
import {
  type Catalog,
  type CatalogEntry,
  parseCatalogText,
  replacementOf,
  type Sidecar,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { isFeatureTag } from "../core/feature-tags.ts";
import { kernelLine } from "../core/kernel-version.ts";
import { type Sha256, shortDigest } from "../core/sha256.ts";
import { supportInOrder, supportKeys } from "../core/support.ts";
import { withdrawnInOrder, withdrawnKeys } from "../core/withdrawn.ts";

/** Where the tarballs of this repository's catalog are published. */
export const bundleBaseUrl = "https://kernels.thaloco.com/";

const catalogKeys = ["version", "serial", "updated", "entries"] as const;
/** In the order in which they are written. */
const entryKeys = [
  "name",
  "distro",
  "arch",
  "kernel_version",
  "tarball_url",
  "tarball_sha256",
  "size_bytes",
  "unpacked_bytes",
  "vmlinux_sha256",
  "description",
  "features",
  "boot",
  "support",
  "withdrawn",
  "sidecars",
] as const satisfies readonly (keyof CatalogEntry)[];

/**
 * The content-addressed name of a tarball.
 *
 * @example
 * bundleFileName("generic-6.12", "x86_64", sha256); // "generic-6.12-x86_64-0123456789ab.tar.zst"
 */
export function bundleFileName(name: string, arch: Arch, sha256: Sha256): string {
  return `${name}-${arch}-${shortDigest(sha256)}.tar.zst`;
}

/**
 * The content-addressed name of a sidecar.
 *
 * @param sha256 of the sidecar itself.
 * @example
 * sidecarFileName(entry, "build", sha256); // "generic-6.12-x86_64-0123456789ab.build-ba9876543210.json"
 */
export function sidecarFileName(
  entry: Pick<CatalogEntry, "name" | "arch" | "tarball_sha256">,
  kind: string,
  sha256: Sha256,
): string {
  return `${sidecarFilePrefix(entry, kind)}${shortDigest(sha256)}.json`;
}

/** What the names of all sidecars of one kind and one tarball begin with. */
export function sidecarFilePrefix(
  entry: Pick<CatalogEntry, "name" | "arch" | "tarball_sha256">,
  kind: string,
): string {
  return `${entry.name}-${entry.arch}-${shortDigest(entry.tarball_sha256)}.${kind}-`;
}

const sidecarKeys = [
  "kind",
  "url",
  "sha256",
  "size_bytes",
] as const satisfies readonly (keyof Sidecar)[];

/** What may stand in the objects within an entry. */
const objectKeys = { boot: bootSummaryKeys, support: supportKeys, withdrawn: withdrawnKeys };

/** The one way to write a catalog: fields in a fixed order, entries by name and architecture. */
export function catalogText(catalog: Catalog): string {
  const entries = catalog.entries.toSorted(byNameAndArch).map((entry) => inOrder(entry));
  const { version, serial, updated } = catalog;
  return `${JSON.stringify({ version, serial, updated, entries }, null, 2)}\n`;
}

/** One entry with its fields in the order in which they are written. */
export function inOrder(entry: CatalogEntry): Readonly<Record<string, unknown>> {
  const sidecars = entry.sidecars
    ?.toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
    .map((sidecar) => Object.fromEntries(sidecarKeys.map((key) => [key, sidecar[key]])));
  const ordered: Partial<Record<(typeof entryKeys)[number], unknown>> = {
    ...entry,
    boot: entry.boot && bootSummary(entry.boot),
    support: entry.support && supportInOrder(entry.support),
    withdrawn: entry.withdrawn && withdrawnInOrder(entry.withdrawn),
    sidecars,
  };
  return Object.fromEntries(entryKeys.map((key) => [key, ordered[key]]));
}

/**
 * Reads a catalog of this repository, which must keep more rules than one that is only read: no
 * unknown fields or architectures, names and URLs by the book, sorted, written by {@link catalogText}.
 *
 * @param baseUrl where its files must be published, with a slash at its end.
 * @throws {BangerError} `bad-catalog`, naming the entry and the field.
 */
export function parseCatalogStrictly(
  text: string,
  origin: string,
  baseUrl: string = bundleBaseUrl,
): Catalog {
  const catalog = parseCatalogText(text, origin);
  const raw: unknown = JSON.parse(text);
  for (const problem of strictProblems(catalog, raw, baseUrl)) throw badCatalog(origin, problem);
  if (catalogText(catalog) !== text) {
    throw badCatalog(origin, "its formatting or order is not the one that banger-maint writes");
  }
  return catalog;
}

function* strictProblems(catalog: Catalog, raw: unknown, baseUrl: string): Generator<string, void> {
  for (const key of keysOf(raw)) {
    if (!isOneOf(catalogKeys, key)) yield `${key} is not a known field`;
  }
  const rawEntries = listIn(raw, "entries");
  for (const [index, entry] of rawEntries.entries()) {
    for (const key of keysOf(entry)) {
      if (!isOneOf(entryKeys, key)) yield `entry ${index + 1}: ${key} is not a known field`;
    }
    for (const [field, known] of Object.entries(objectKeys)) {
      for (const key of keysOf(valueIn(entry, field))) {
        if (!isOneOf(known, key)) yield `entry ${index + 1}: ${field}: ${key} is not a known field`;
      }
    }
    for (const key of listIn(entry, "sidecars").flatMap((sidecar) => keysOf(sidecar))) {
      if (!isOneOf(sidecarKeys, key)) {
        yield `entry ${index + 1}: sidecars: ${key} is not a known field`;
      }
    }
  }
  if (rawEntries.length !== catalog.entries.length) {
    yield "an entry is of an architecture that banger does not know";
  }
  for (const [index, entry] of catalog.entries.entries()) {
    const label = `entry ${index + 1} ("${entry.name}")`;
    const name = `${entry.distro}-${kernelLine(entry.kernel_version)}`;
    if (entry.name !== name) yield `${label}: name: must be ${name}, of distro and kernel_version`;
    const url = `${baseUrl}${bundleFileName(entry.name, entry.arch, entry.tarball_sha256)}`;
    if (entry.tarball_url !== url) yield `${label}: tarball_url: must be ${url}`;
    for (const sidecar of entry.sidecars ?? []) {
      const wanted = `${baseUrl}${sidecarFileName(entry, sidecar.kind, sidecar.sha256)}`;
      if (sidecar.url !== wanted) yield `${label}: sidecars: url: must be ${wanted}`;
    }
    const odd = entry.features?.find((feature) => !isFeatureTag(feature));
    if (odd !== undefined) yield `${label}: features: ${odd} is not a known feature`;
    const hasProof = entry.sidecars?.some(({ kind }) => kind === bootKind) === true;
    if (hasProof !== (entry.boot !== undefined)) {
      yield `${label}: boot: stands there with a sidecar of kind boot, and not without`;
    }
    if (entry.description.trim() === "") yield `${label}: description: must not be empty`;
    if (entry.support !== undefined && Object.keys(entry.support).length === 0) {
      yield `${label}: support: must not be empty`;
    }
    const replacement = entry.withdrawn?.replaced_by;
    if (replacement !== undefined && replacementOf(catalog, entry) === undefined) {
      yield `${label}: withdrawn: replaced_by: ${replacement} is no other entry for ${entry.arch} that is good`;
    }
  }
}

/** The order of entries in the file. */
export function byNameAndArch(
  a: Pick<CatalogEntry, "name" | "arch">,
  b: Pick<CatalogEntry, "name" | "arch">,
): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  if (a.arch !== b.arch) return a.arch < b.arch ? -1 : 1;
  return 0;
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = valueIn(value, key);
  return Array.isArray(list) ? list : [];
}

function valueIn(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function keysOf(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

function isOneOf(known: readonly string[], key: string): boolean {
  return known.includes(key);
}

function badCatalog(origin: string, reason: string): BangerError {
  return new BangerError("bad-catalog", `cannot use the catalog ${origin}: ${reason}`, {
    hint: "the format is described in docs/formats/catalog.md",
  });
}
