import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { requireBootable } from "../core/bootable.ts";
import { bundleNames, BundleTree } from "../core/bundle-tree.ts";
import type { CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { BannerSearch } from "../core/kernel-banner.ts";
import { identifyImage, imageHeadBytes } from "../core/kernel-image.ts";
import type { KernelName } from "../core/kernel-name.ts";
import type { KernelVersion } from "../core/kernel-version.ts";
import type { Sha256 } from "../core/sha256.ts";
import type { TarEntry } from "../core/tar-header.ts";
import { writeBundle } from "../io/bundle-writer.ts";
import { lookThrough, makeFolder } from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
import { readHead } from "../io/read-range.ts";
import { readChunks, type TreeItem, walkTree } from "../io/tree-reader.ts";
import { bundleBaseUrl, bundleFileName } from "./catalog-text.ts";

/** What to pack and how the catalog is to call it. */
export interface PackInput {
  /** A folder with the layout of a bundle: `vmlinux`, and what else bundles may hold. */
  readonly from: string;
  /** Where the tarball goes; made when it is missing. */
  readonly out: string;
  readonly name: KernelName;
  readonly distro: string;
  readonly arch: Arch;
  readonly kernelVersion: KernelVersion;
  readonly description: string;
  /** Where it will be published, with a slash at its end. Default: where this repository publishes. */
  readonly baseUrl?: string | undefined;
  /** Names at the top of the folder that are not for the bundle. */
  readonly leaveOut?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/** A tarball that was written, and the catalog entry that names it. */
export interface PackedBundle {
  readonly file: string;
  readonly entry: CatalogEntry;
}

/**
 * Packs a folder into a content-addressed tarball. The same folder gives the same bytes.
 *
 * @throws {BangerError} `unsafe-archive`, when the folder holds what a bundle may not; `wrong-image`;
 * `verification-failed`, when the kernel is of another version; `io`, `no-space`.
 */
export async function packBundle(input: PackInput): Promise<PackedBundle> {
  const entries = bundleEntries(input.from, input.leaveOut ?? []);
  const vmlinuxSha256 = requireKernel(input, entries);
  makeFolder(input.out);
  const { name, arch } = input;
  const nameOf = (sha256: Sha256): string => bundleFileName(name, arch, sha256);
  const written = await writeBundle(input.from, entries, input.out, nameOf, input.signal);
  return {
    file: written.file,
    entry: {
      name,
      distro: input.distro,
      arch,
      kernel_version: input.kernelVersion,
      tarball_url: `${input.baseUrl ?? bundleBaseUrl}${bundleFileName(name, arch, written.sha256)}`,
      tarball_sha256: written.sha256,
      size_bytes: written.sizeBytes,
      unpacked_bytes: written.unpackedBytes,
      vmlinux_sha256: vmlinuxSha256,
      description: input.description,
    },
  };
}

function bundleEntries(from: string, leaveOut: readonly string[]): readonly TarEntry[] {
  if (lookThrough(from)?.isDirectory() !== true) {
    throw new BangerError("io", `cannot pack ${from}: it is not a folder`);
  }
  const tree = new BundleTree();
  const entries: TarEntry[] = [];
  for (const item of walkTree(from)) {
    if (leaveOut.includes(item.path)) continue;
    const entry = tarEntry(item);
    tree.add(entry);
    entries.push(entry);
  }
  tree.finish();
  return entries;
}

function tarEntry(item: TreeItem): TarEntry {
  switch (item.kind) {
    case "file":
      return item;
    case "folder":
      return { kind: "directory", path: item.path };
    case "link":
      return { kind: "symlink", path: item.path, target: item.target };
    case "other":
      throw new BangerError(
        "unsafe-archive",
        `${JSON.stringify(item.path)} is neither a file, a folder nor a symbolic link`,
      );
  }
}

/** @returns the hash of the kernel */
function requireKernel(input: PackInput, entries: readonly TarEntry[]): Sha256 {
  const kernel = path.join(input.from, bundleNames.kernel);
  const entry = entries.find((item) => item.path === bundleNames.kernel);
  const sizeBytes = entry?.kind === "file" ? entry.sizeBytes : 0;
  requireBootable(identifyImage(readHead(kernel, imageHeadBytes), sizeBytes), input.arch, kernel);
  const search = new BannerSearch();
  const hash = new Sha256Hash();
  readChunks(kernel, (chunk) => {
    search.push(chunk);
    hash.update(chunk);
  });
  const { found } = search;
  if (found === undefined) {
    throw new BangerError("wrong-image", `${kernel} has no "Linux version" banner`);
  }
  if (input.kernelVersion !== found.version && input.kernelVersion !== found.release) {
    throw new BangerError(
      "verification-failed",
      `cannot pack ${kernel} as ${input.kernelVersion}: it says that it is ${found.release}`,
    );
  }
  return hash.digest();
}
