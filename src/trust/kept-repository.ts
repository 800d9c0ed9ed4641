import type { CatalogRecord } from "../core/catalog-record.ts";
import { type Catalog, parseCatalogText } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import {
  parseRole,
  type RepositoryFiles,
  type VerifiedRepository,
  verifyRepository,
} from "./repository.ts";

/** A kept repository that has been verified again. */
export interface KeptRepository extends VerifiedRepository {
  readonly files: RepositoryFiles;
  readonly parsed: Catalog;
  readonly record: CatalogRecord;
}

/**
 * Reads what a host has kept, believing nothing of it but what the trusted root vouches for. That it
 * has expired meanwhile is no fault: expiry concerns what is fetched.
 *
 * @throws {BangerError} `verification-failed`, `bad-catalog`.
 */
export function readKept(trustedRoot: Uint8Array, record: CatalogRecord): KeptRepository {
  const files = filesOf(trustedRoot, record);
  const verified = verifyRepository(trustedRoot, files);
  const parsed = parseCatalogText(record.catalog, `from ${record.source}`);
  return { ...verified, files, parsed, record };
}

/** What is to be kept of a repository. @throws {BangerError} `verification-failed`, when a file of it is no text */
export function recordOf(files: RepositoryFiles, source: string, checkedAt: string): CatalogRecord {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new BangerError(
        "verification-failed",
        `the catalog of ${source} has a file that is no text in UTF-8`,
        { cause },
      );
    }
  };
  return {
    version: 1,
    roots: files.roots.map(text),
    timestamp: text(files.timestamp),
    snapshot: text(files.snapshot),
    targets: text(files.targets),
    catalog: text(files.catalog),
    source,
    checked_at: checkedAt,
  };
}

/** A release may bring a newer root than the host has met: older ones lead nowhere then. */
function filesOf(trustedRoot: Uint8Array, record: CatalogRecord): RepositoryFiles {
  const encoder = new TextEncoder();
  const { version } = parseRole.root(trustedRoot).signed;
  return {
    roots: record.roots
      .map((root) => encoder.encode(root))
      .filter((root) => parseRole.root(root).signed.version > version),
    timestamp: encoder.encode(record.timestamp),
    snapshot: encoder.encode(record.snapshot),
    targets: encoder.encode(record.targets),
    catalog: encoder.encode(record.catalog),
  };
}
