import path from "node:path";
import { bootKind, bootSummary, parseBootProof } from "../core/boot-proof.ts";
import { buildKind, parseBuildRecord } from "../core/build-record.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import {
  type CatalogEntry,
  fileOfUrl,
  maxCatalogBytes,
  maxSidecarBytes,
  type Sidecar,
  tarballFile,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { lookThrough, readText } from "../io/files.ts";
import { hashFile } from "../io/tree-reader.ts";
import { readBundleFiles } from "./bundle-files.ts";
import { noCatalog } from "./catalog-edit.ts";
import { parseCatalogStrictly } from "./catalog-text.ts";

/** What {@link checkCatalog} saw. */
export interface CatalogCheck {
  readonly serial: number;
  readonly entries: number;
  /** The tarballs that were there and are what the catalog says. */
  readonly bundles: readonly string[];
  /** The same of the sidecars. */
  readonly sidecars: readonly string[];
}

/**
 * Checks a catalog of this repository by the strict rules, and the tarballs and sidecars beside it by
 * hash, size and content. A file that is not there is no fault: old ones live at their URLs only.
 *
 * @param baseUrl where the catalog's files must be published.
 * @throws {BangerError} `bad-catalog`, `verification-failed`,
 * `unsafe-archive`, `io`.
 */
export async function checkCatalog(
  file: string,
  bundlesDir: string,
  baseUrl?: string,
): Promise<CatalogCheck> {
  const text = readText(file, maxCatalogBytes);
  if (text === undefined) throw noCatalog(file);
  const catalog = parseCatalogStrictly(text, file, baseUrl);
  const bundles: string[] = [];
  const sidecars: string[] = [];
  for (const entry of catalog.entries) {
    const bundle = path.join(bundlesDir, tarballFile(entry));
    if (lookThrough(bundle) !== undefined) {
      await checkBundle(bundle, entry);
      bundles.push(tarballFile(entry));
    }
    for (const sidecar of entry.sidecars ?? []) {
      const name = fileOfUrl(sidecar.url);
      if (lookThrough(path.join(bundlesDir, name)) === undefined) continue;
      checkSidecar(path.join(bundlesDir, name), entry, sidecar);
      sidecars.push(name);
    }
  }
  return { serial: catalog.serial, entries: catalog.entries.length, bundles, sidecars };
}

async function checkBundle(bundle: string, entry: CatalogEntry): Promise<void> {
  want(bundle, "size", lookThrough(bundle)?.size, entry.size_bytes);
  want(bundle, "SHA-256", hashFile(bundle), entry.tarball_sha256);
  const { unpackedBytes, digests } = await readBundleFiles(bundle);
  want(bundle, "unpacked size", unpackedBytes, entry.unpacked_bytes);
  if (entry.vmlinux_sha256 !== undefined) {
    const vmlinux = digests.get(bundleNames.kernel);
    want(bundle, "SHA-256 of vmlinux", vmlinux, entry.vmlinux_sha256);
  }
}

/**
 * Holds a sidecar to the entry that names it; one of a known kind also to the tarball it speaks of.
 *
 * @throws {BangerError} `verification-failed`; `io`.
 */
export function checkSidecar(file: string, entry: CatalogEntry, sidecar: Sidecar): void {
  want(file, "size", lookThrough(file)?.size, sidecar.size_bytes);
  want(file, "SHA-256", hashFile(file), sidecar.sha256);
  if (sidecar.kind !== buildKind && sidecar.kind !== bootKind) return;
  const text = readText(file, maxSidecarBytes) ?? "";
  const record =
    sidecar.kind === bootKind ? parseBootProof(text, file) : parseBuildRecord(text, file);
  for (const key of ["name", "arch", "kernel_version", "tarball_sha256"] as const) {
    want(file, key, record[key], entry[key]);
  }
  if (entry.vmlinux_sha256 !== undefined) {
    want(file, "vmlinux_sha256", record.vmlinux_sha256, entry.vmlinux_sha256);
  }
  if (record.kind === bootKind && entry.boot !== undefined) {
    want(file, "boot", JSON.stringify(bootSummary(record)), JSON.stringify(entry.boot));
  }
}

function want(file: string, what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return;
  throw new BangerError(
    "verification-failed",
    `${file}: ${what} is ${String(found)}, the catalog names ${String(wanted)}`,
  );
}
