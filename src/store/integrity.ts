import path from "node:path";
import { manifestFileName } from "../core/manifest.ts";
import type { Sha256 } from "../core/sha256.ts";
import { linkTarget, lookAt } from "../io/files.ts";
import { hashFiles, type HashOptions } from "../io/hash-files.ts";
import { hashFile, stampOf, touch, walkTree } from "../io/tree-reader.ts";
import type { InstalledKernel } from "./kernel-store.ts";

/** One way in which an installed kernel is not as its manifest says. */
export interface Finding {
  /** Relative to the kernel's folder. */
  readonly path: string;
  readonly problem: "missing" | "changed" | "extra";
}

/**
 * Reads every byte of an installed kernel and compares it with the manifest.
 *
 * @returns what differs, by path; nothing when the kernel is whole.
 * @throws {BangerError} `io`; the signal's reason.
 */
export async function checkKernel(
  kernel: InstalledKernel,
  options: HashOptions,
): Promise<Finding[]> {
  const { files, links } = kernel.manifest;
  const wanted = files.map((file) => ({
    path: path.join(kernel.treeDirectory, file.path),
    sizeBytes: file.size_bytes,
  }));
  const findings = lossesOf(kernel, await hashFiles(wanted, options));
  const expected = new Set([manifestFileName, ...[...files, ...links].map((item) => item.path)]);
  for (const item of walkTree(kernel.treeDirectory)) {
    if (item.kind !== "folder" && !expected.has(item.path)) {
      findings.push({ path: item.path, problem: "extra" });
    }
  }
  return findings;
}

/**
 * What of the manifest is missing or changed: all of it, when the tree is removed meanwhile.
 *
 * @param digests of its files, in their order; undefined where there is no regular file of the right size.
 */
function lossesOf(
  { manifest, treeDirectory }: InstalledKernel,
  digests: readonly (Sha256 | undefined)[],
): Finding[] {
  const losses = [
    ...manifest.files.filter((file, index) => digests[index] !== file.sha256),
    ...manifest.links.filter(
      (link) => linkTarget(path.join(treeDirectory, link.path)) !== link.target,
    ),
  ];
  return losses.map((item) => {
    const isThere = lookAt(path.join(treeDirectory, item.path)) !== undefined;
    return { path: item.path, problem: isThere ? "changed" : "missing" };
  });
}

/**
 * Whether an installed kernel is whole, without reading it when nothing has touched it.
 *
 * The manifest is the last file that is written to a tree. A file that was changed since, even back
 * in time, has a later ctime than the manifest; then, and only then, everything is read.
 */
export function isWhole(kernel: InstalledKernel): boolean {
  const manifestFile = path.join(kernel.treeDirectory, manifestFileName);
  const sealed = stampOf(manifestFile);
  if (sealed === undefined) return false;
  let untouched = true;
  for (const file of kernel.manifest.files) {
    const stamp = stampOf(path.join(kernel.treeDirectory, file.path));
    if (stamp?.sizeBytes !== file.size_bytes) return false;
    if (stamp.changedNs > sealed.changedNs) untouched = false;
  }
  for (const link of kernel.manifest.links) {
    if (linkTarget(path.join(kernel.treeDirectory, link.path)) !== link.target) return false;
  }
  if (untouched) return true;
  const { manifest, treeDirectory } = kernel;
  const digests = manifest.files.map((file) =>
    hashFile(path.join(treeDirectory, file.path), file.size_bytes),
  );
  if (lossesOf(kernel, digests).length > 0) return false;
  // It may have been removed at this moment.
  return touch(manifestFile);
}
