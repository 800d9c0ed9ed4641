import path from "node:path";
import { copyFile, copyTree } from "../io/copy.ts";
import { lookThrough } from "../io/files.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import { holdKernel } from "./hold-kernel.ts";

/**
 * Copies an installed kernel out of the store.
 *
 * @param destination where the copy is to stand. With `vmlinuxOnly` an existing folder gets a file
 * `vmlinux`, as with cp.
 * @returns the absolute path of the copy.
 * @throws {BangerError} `refused`, when something is there; `io`, `no-space`.
 */
export function exportKernel(
  kernel: InstalledKernel,
  destination: string,
  vmlinuxOnly: boolean,
): string {
  const resolved = path.resolve(destination);
  using _held = holdKernel(kernel);
  if (!vmlinuxOnly) {
    copyTree(kernel.treeDirectory, resolved);
    return resolved;
  }
  const isFolder = lookThrough(resolved)?.isDirectory() === true;
  const target = isFolder ? path.join(resolved, "vmlinux") : resolved;
  copyFile(path.join(kernel.treeDirectory, "vmlinux"), target);
  return target;
}
