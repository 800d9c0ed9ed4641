/** What a folder holds, as data that two moments can be compared by. */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface SnapshotOptions {
  /** Leaves out lock files and part files, which a failed command may leave behind. */
  readonly withoutLocksAndParts?: boolean;
  /** Leaves out every path (and what is below it) that matches. */
  readonly leaveOut?: RegExp;
}

/** Path below the folder → type, mode, size, SHA-256 or link target. Sorted; the folder itself is not in it. */
export type Snapshot = Readonly<Record<string, string>>;

/** A path that ends in a lock (`.lock`, `.locks`) or part file (`.parts`, `x.part`, `x.part.json`). */
export const lockOrPart: RegExp = /(?:^|\/)[^/]*\.(?:locks?|parts?(?:[.-][^/]*)?)$/;

/**
 * Reads the whole folder. A folder that does not exist gives an empty snapshot. Times and owners are
 * not in it, nor the sizes of folders.
 *
 * @example
 * { "kernels": "folder 0755", "kernels/a": "link -> .store/x", "kernels/.store/x/vmlinux": "file 0644 9 bytes sha256:…" }
 */
export function snapshotOf(folder: string, options: SnapshotOptions = {}): Snapshot {
  const found: [string, string][] = [];
  walk(folder, "", options, found);
  found.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(found);
}

function walk(
  folder: string,
  below: string,
  options: SnapshotOptions,
  found: [string, string][],
): void {
  let names: string[];
  try {
    names = readdirSync(join(folder, below));
  } catch (error) {
    if (below === "" && error instanceof Error && "code" in error && error.code === "ENOENT") {
      return;
    }
    throw error;
  }
  for (const name of names) {
    const path = below === "" ? name : `${below}/${name}`;
    if (options.leaveOut?.test(path) === true) {
      continue;
    }
    if (options.withoutLocksAndParts === true && lockOrPart.test(path)) {
      continue;
    }
    found.push([path, describe(join(folder, path))]);
    if (lstatSync(join(folder, path)).isDirectory()) {
      walk(folder, path, options, found);
    }
  }
}

function describe(path: string): string {
  const stat = lstatSync(path);
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  if (stat.isSymbolicLink()) {
    return `link -> ${readlinkSync(path)}`;
  }
  if (stat.isDirectory()) {
    return `folder ${mode}`;
  }
  if (stat.isFile()) {
    const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
    return `file ${mode} ${stat.size} bytes sha256:${digest}`;
  }
  return `special ${mode}`;
}
