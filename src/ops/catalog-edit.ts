import path from "node:path";
import type { Arch } from "../core/arch.ts";
import {
  type Catalog,
  type CatalogEntry,
  maxCatalogBytes,
  parseCatalogText,
  tarballFile,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { kernelLine } from "../core/kernel-version.ts";
import { type Sha256, shortDigest } from "../core/sha256.ts";
import { TarReader } from "../core/tar-reader.ts";
import { readBundle } from "../io/bundle-reader.ts";
import { lookThrough, readText, replaceFile } from "../io/files.ts";
import { hashFile } from "../io/tree-reader.ts";

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
  "description",
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

/** The URL under which this repository's catalog names a tarball. */
export function bundleUrl(name: string, arch: Arch, sha256: Sha256): string {
  return `${bundleBaseUrl}${bundleFileName(name, arch, sha256)}`;
}

/** The one way to write a catalog: fields in a fixed order, entries by name and architecture. */
export function catalogText(catalog: Catalog): string {
  const entries = catalog.entries
    .toSorted(byNameAndArch)
    .map((entry) => Object.fromEntries(entryKeys.map((key) => [key, entry[key]])));
  const { version, serial, updated } = catalog;
  return `${JSON.stringify({ version, serial, updated, entries }, null, 2)}\n`;
}

/** What became of the catalog file. */
export interface CatalogChange {
  readonly change: "added" | "replaced" | "none";
  readonly serial: number;
}

/**
 * Puts an entry into the catalog file in place of the one of its name and architecture. The serial
 * grows if that changes anything; a file that does not exist yet begins with serial 1.
 *
 * @param updated the present: RFC 3339 in UTC.
 * @throws {BangerError} `bad-catalog`, when the file or the entry is not as {@link checkCatalog} wants
 * it; `io`, `no-space`.
 */
export function putEntry(file: string, entry: CatalogEntry, updated: string): CatalogChange {
  const text = readText(file, maxCatalogBytes);
  const before: Catalog =
    text === undefined
      ? { version: 1, serial: 0, updated, entries: [] }
      : parseCatalogStrictly(text, file);
  const others = before.entries.filter((item) => byNameAndArch(item, entry) !== 0);
  const after = {
    ...before,
    serial: before.serial + 1,
    updated,
    entries: [...others, entry],
  };
  if (catalogText({ ...before, entries: after.entries }) === text) {
    return { change: "none", serial: before.serial };
  }
  const written = catalogText(after);
  parseCatalogStrictly(written, file);
  replaceFile(file, written);
  const isNew = others.length === before.entries.length;
  return { change: isNew ? "added" : "replaced", serial: after.serial };
}

/**
 * Reads a catalog of this repository, which must keep more rules than one that is only read: no
 * unknown fields or architectures, names and URLs by the book, sorted, written by {@link catalogText}.
 *
 * @throws {BangerError} `bad-catalog`, naming the entry and the field.
 */
export function parseCatalogStrictly(text: string, origin: string): Catalog {
  const catalog = parseCatalogText(text, origin);
  const raw: unknown = JSON.parse(text);
  for (const problem of strictProblems(catalog, raw)) throw badCatalog(origin, problem);
  if (catalogText(catalog) !== text) {
    throw badCatalog(origin, "its formatting or order is not the one that banger-maint writes");
  }
  return catalog;
}

function* strictProblems(catalog: Catalog, raw: unknown): Generator<string, void> {
  for (const key of keysOf(raw)) {
    if (!isOneOf(catalogKeys, key)) yield `${key} is not a known field`;
  }
  const rawEntries: readonly unknown[] =
    typeof raw === "object" && raw !== null && "entries" in raw && Array.isArray(raw.entries)
      ? raw.entries
      : [];
  for (const [index, entry] of rawEntries.entries()) {
    for (const key of keysOf(entry)) {
      if (!isOneOf(entryKeys, key)) yield `entry ${index + 1}: ${key} is not a known field`;
    }
  }
  if (rawEntries.length !== catalog.entries.length) {
    yield "an entry is of an architecture that banger does not know";
  }
  for (const [index, entry] of catalog.entries.entries()) {
    const label = `entry ${index + 1} ("${entry.name}")`;
    const name = `${entry.distro}-${kernelLine(entry.kernel_version)}`;
    if (entry.name !== name) yield `${label}: name: must be ${name}, of distro and kernel_version`;
    const url = bundleUrl(entry.name, entry.arch, entry.tarball_sha256);
    if (entry.tarball_url !== url) yield `${label}: tarball_url: must be ${url}`;
    if (entry.description.trim() === "") yield `${label}: description: must not be empty`;
  }
}

/** What {@link checkCatalog} saw. */
export interface CatalogCheck {
  readonly serial: number;
  readonly entries: number;
  /** The tarballs that were there and are what the catalog says. */
  readonly bundles: readonly string[];
}

/**
 * Checks a catalog of this repository by the strict rules, and the tarballs beside it by hash, size and
 * content. A tarball that is not there is no fault: old ones live at their URLs only.
 *
 * @throws {BangerError} `bad-catalog`, `not-found` (no such file), `verification-failed`,
 * `unsafe-archive`, `io`.
 */
export async function checkCatalog(file: string, bundlesDir: string): Promise<CatalogCheck> {
  const text = readText(file, maxCatalogBytes);
  if (text === undefined) throw new BangerError("not-found", `there is no file ${file}`);
  const catalog = parseCatalogStrictly(text, file);
  const bundles: string[] = [];
  for (const entry of catalog.entries) {
    const bundle = path.join(bundlesDir, tarballFile(entry));
    if (lookThrough(bundle) === undefined) continue;
    await checkBundle(bundle, entry);
    bundles.push(tarballFile(entry));
  }
  return { serial: catalog.serial, entries: catalog.entries.length, bundles };
}

async function checkBundle(bundle: string, entry: CatalogEntry): Promise<void> {
  const want = (what: string, found: unknown, wanted: unknown): void => {
    if (found === wanted) return;
    throw new BangerError(
      "verification-failed",
      `${bundle}: ${what} is ${String(found)}, the catalog names ${String(wanted)}`,
    );
  };
  want("size", lookThrough(bundle)?.size, entry.size_bytes);
  want("SHA-256", hashFile(bundle), entry.tarball_sha256);
  const reader = new TarReader({
    entry: () => undefined,
    data: () => undefined,
    endOfFile: () => undefined,
  });
  const unpackedBytes = await readBundle(bundle, (chunk) => {
    reader.push(chunk);
  });
  reader.end();
  want("unpacked size", unpackedBytes, entry.unpacked_bytes);
}

function byNameAndArch(
  a: Pick<CatalogEntry, "name" | "arch">,
  b: Pick<CatalogEntry, "name" | "arch">,
): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  if (a.arch !== b.arch) return a.arch < b.arch ? -1 : 1;
  return 0;
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
