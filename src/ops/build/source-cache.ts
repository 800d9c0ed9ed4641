import path from "node:path";
import * as v from "valibot";
import type { Sha256 } from "../../core/sha256.ts";
import { sha256Schema } from "../../core/sha256-schema.ts";
import {
  isTemporaryName,
  listNames,
  makeFolder,
  readText,
  removeFile,
  removeTree,
  replaceFile,
} from "../../io/files.ts";
import { HeldFile } from "../../io/held-file.ts";
import { PartFile } from "../../io/part-file.ts";

/** What builds fetch, in a folder that may be removed at any time. */
export interface SourceCache {
  /** Whole files, named by their SHA-256. */
  readonly sources: string;
  /** Unpacked sources, named by the first digits of the SHA-256 of their tarball. */
  readonly trees: string;
  /** Downloads that go on, and what became of those that ended. */
  readonly parts: string;
}

/** Where the parts of a cache are. */
export function sourceCacheAt(cache: string): SourceCache {
  const [sources, trees, parts] = ["sources", "trees", "parts"].map((name) =>
    path.join(cache, name),
  );
  if (sources === undefined || trees === undefined || parts === undefined) {
    throw new Error("three names give three paths");
  }
  return { sources, trees, parts };
}

/** Makes the folders that are missing. @throws {BangerError} `io`, `no-space` */
export function prepareCache({ sources, trees, parts }: SourceCache): void {
  for (const folder of [sources, trees, parts]) makeFolder(folder);
}

/** Removes what a killed run has left half unpacked; nobody else may unpack meanwhile. @throws `io` */
export function sweepTrees({ trees }: SourceCache): void {
  for (const name of listNames(trees).filter(isTemporaryName)) removeTree(path.join(trees, name));
}

/** Opens the part file of a download. @throws {BangerError} `io`, `no-space` */
export function openPart(cache: SourceCache, name: string): PartFile {
  return PartFile.open(path.join(cache.parts, name));
}

/** Where a whole file has its place. */
export function sourcePath(cache: SourceCache, sha256: Sha256): string {
  return path.join(cache.sources, sha256);
}

/**
 * Opens a file of the cache and hashes it. One with other bytes than its name says is removed.
 *
 * @returns undefined when there is none.
 * @throws {BangerError} `io`.
 */
export function openSource(cache: SourceCache, sha256: Sha256): HeldFile | undefined {
  const file = sourcePath(cache, sha256);
  const held = HeldFile.open(file);
  if (held === undefined || held.digest() === sha256) return held;
  held[Symbol.dispose]();
  removeFile(file);
  return undefined;
}

/** What a download became. It is trusted with nothing: hash and signature are checked again. */
export interface Fetched {
  readonly url: string;
  readonly sha256: Sha256;
  /** The armored signature that came with it. */
  readonly signature: string;
}

const fetchedSchema = v.object({
  url: v.string(),
  sha256: sha256Schema,
  signature: v.string(),
});
const maxFetchedBytes = 2 ** 17;

function fetchedFile(cache: SourceCache, name: string): string {
  return path.join(cache.parts, `${name}.fetched`);
}

/** Remembers what a download became. @throws {BangerError} `io`, `no-space` */
export function rememberFetched(cache: SourceCache, name: string, fetched: Fetched): void {
  replaceFile(fetchedFile(cache, name), `${JSON.stringify(fetched)}\n`);
}

/** Forgets it. @throws {BangerError} `io` */
export function forgetFetched(cache: SourceCache, name: string): void {
  removeFile(fetchedFile(cache, name));
}

/** What the download of a URL became. @returns undefined when that is not known. @throws `io` */
export function recallFetched(cache: SourceCache, name: string, url: string): Fetched | undefined {
  const text = readText(fetchedFile(cache, name), maxFetchedBytes);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(fetchedSchema, value);
  return parsed.success && parsed.output.url === url ? parsed.output : undefined;
}
