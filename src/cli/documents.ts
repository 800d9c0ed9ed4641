import type { InstalledKernel } from "../store/kernel-store.ts";
import type { ListedKernel } from "../ops/list.ts";
import { noticesDocument } from "./notices.ts";

/** What programs are told of an installed kernel. @see docs/formats/cli.md */
export function kernelDocument(kernel: InstalledKernel): Readonly<Record<string, unknown>> {
  const { manifest } = kernel;
  return {
    name: kernel.label,
    arch: kernel.arch,
    distro: manifest.distro,
    kernel_version: manifest.kernel_version,
    source: manifest.source,
    tarball_sha256: manifest.tarball_sha256 ?? null,
    installed_at: manifest.installed_at,
    size_bytes: sizeOf(kernel),
    path: kernel.directory,
  };
}

/** What programs are told of a kernel in a list; the details are null when it is damaged. */
export function listedDocument(listed: ListedKernel): Readonly<Record<string, unknown>> {
  const { kernel, standing, entry, notices } = listed;
  const details =
    "damage" in kernel
      ? {
          name: kernel.label,
          arch: kernel.arch,
          distro: null,
          kernel_version: null,
          source: null,
          tarball_sha256: null,
          installed_at: null,
          size_bytes: null,
          path: null,
        }
      : kernelDocument(kernel);
  return {
    ...details,
    standing,
    available_version: entry?.kernel_version ?? null,
    ...noticesDocument(notices),
  };
}

/** Bytes of all files of a kernel. */
export function sizeOf(kernel: InstalledKernel): number {
  return kernel.manifest.files.reduce((sum, file) => sum + file.size_bytes, 0);
}
