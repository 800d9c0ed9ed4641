import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { compareVersions, kernelLine, type KernelVersion } from "../../core/kernel-version.ts";
import { makefileVersion } from "../../core/makefile-version.ts";
import type { Sha256 } from "../../core/sha256.ts";
import { lookAt, randomName, readText, removeTree, rename, syncFolder } from "../../io/files.ts";
import type { HeldFile } from "../../io/held-file.ts";
import { type ArchiveOptions, unpackTar } from "../../io/source-archive.ts";
import type { SourceCache } from "./source-cache.ts";

/** What a source must be. */
export interface WantedSource {
  /** Like `6.12`. */
  readonly line: string;
  /** Undefined: any of the line. */
  readonly version: KernelVersion | undefined;
}

/** An unpacked kernel source. */
export interface SourceTree {
  /** Absolute. */
  readonly tree: string;
  /** From its Makefile. */
  readonly version: KernelVersion;
  /** Seconds since 1970: when the top Makefile was last changed, as the archive says. */
  readonly sourceDateEpoch: number;
}

const maxMakefileBytes = 2 ** 20;

/**
 * The tree of a tarball that was unpacked before.
 *
 * @param sha256 of the tarball as it was downloaded.
 * @returns undefined when it was not.
 * @throws {BangerError} `verification-failed`, when it is another kernel than the wanted one; `io`.
 */
export function findTree(
  cache: SourceCache,
  sha256: Sha256,
  wanted: WantedSource,
): SourceTree | undefined {
  const tree = treePath(cache, sha256);
  return lookAt(tree)?.isDirectory() === true ? describe(tree, tree, wanted) : undefined;
}

/**
 * Unpacks a tar to its place among the trees, whole or not at all. What is there is left as it is.
 *
 * @param sha256 of the tarball that it was in.
 * @throws {BangerError} as {@link findTree} and `unpackTar`.
 */
export async function unpackTree(
  cache: SourceCache,
  sha256: Sha256,
  tar: HeldFile,
  wanted: WantedSource,
  options: ArchiveOptions,
): Promise<SourceTree> {
  const there = findTree(cache, sha256, wanted);
  if (there !== undefined) return there;
  const into = path.join(cache.trees, `.tmp-${randomName()}`);
  try {
    const unpacked = await unpackTar(tar, into, options);
    const tree = treePath(cache, sha256);
    const found = describe(unpacked, tree, wanted);
    rename(unpacked, tree);
    syncFolder(cache.trees);
    return found;
  } finally {
    removeTree(into);
  }
}

function treePath(cache: SourceCache, sha256: Sha256): string {
  return path.join(cache.trees, sha256.slice(0, 12));
}

/** @param now where it is. @param tree where it will be. */
function describe(now: string, tree: string, wanted: WantedSource): SourceTree {
  const makefile = path.join(now, "Makefile");
  const stats = lookAt(makefile);
  const text = stats?.isFile() === true ? readText(makefile, maxMakefileBytes) : undefined;
  const version = text === undefined ? undefined : makefileVersion(text);
  if (stats === undefined || version === undefined) {
    throw new BangerError(
      "verification-failed",
      "the source is no kernel: it has no Makefile with a version",
    );
  }
  requireWanted(version, wanted);
  return { tree, version, sourceDateEpoch: Math.floor(stats.mtimeMs / 1000) };
}

function requireWanted(version: KernelVersion, wanted: WantedSource): void {
  const isWanted =
    wanted.version === undefined
      ? kernelLine(version) === wanted.line
      : compareVersions(version, wanted.version) === 0;
  if (isWanted) return;
  const expected = wanted.version ?? `one of the line ${wanted.line}`;
  throw new BangerError(
    "verification-failed",
    `the source is Linux ${version}, expected ${expected}`,
    { hint: "name the line of the source with --line" },
  );
}
