import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { requireBootable } from "../core/bootable.ts";
import { BundleTree, bundleNames } from "../core/bundle-tree.ts";
import { BangerError } from "../core/errors.ts";
import { BannerSearch } from "../core/kernel-banner.ts";
import { identifyImage, imageHeadBytes } from "../core/kernel-image.ts";
import type { KernelName } from "../core/kernel-name.ts";
import { isKernelVersion, type KernelVersion } from "../core/kernel-version.ts";
import { formatManifest, manifestFileName, type Manifest } from "../core/manifest.ts";
import type { TarEntry } from "../core/tar-reader.ts";
import { now } from "../io/clock.ts";
import { lookThrough, realPath, syncFolder } from "../io/files.ts";
import { readHead } from "../io/read-range.ts";
import type { StagedTree } from "../io/staged-tree.ts";
import { readChunks, walkTree, type TreeItem } from "../io/tree-reader.ts";
import { isWhole } from "../store/integrity.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import { withStaged } from "../store/transaction.ts";
import { change, type Context } from "./context.ts";

export interface ImportInput {
  readonly name: KernelName;
  /** A folder with the layout of a bundle, or a bare kernel image. */
  readonly from: string;
  readonly distro: string;
  readonly arch: Arch;
  /** Undefined: read from the image. */
  readonly kernelVersion: KernelVersion | undefined;
  /** Also in place of a kernel that came from the catalog. */
  readonly force: boolean;
}

export interface ImportResult {
  readonly kernel: InstalledKernel;
  /** `current`: the very same files were imported before. */
  readonly outcome: "current" | "installed" | "updated";
}

/** A file, folder or link to install, and where its bytes are now. */
interface Source {
  readonly entry: TarEntry;
  readonly absolute: string;
}

/**
 * Installs a kernel that the user has.
 *
 * @throws {BangerError} `wrong-image`, when it is no kernel for that architecture, or names no
 * version; `unsafe-archive`, when the folder holds what a bundle may not; `refused`, when the name
 * belongs to a kernel of the catalog; `io`, `no-space`.
 */
export async function importKernel(
  context: Context,
  store: KernelStore,
  input: ImportInput,
): Promise<ImportResult> {
  refuseToReplace(store.replaceable(input.name, input.arch), input);
  const sources = collect(context, input);
  const image = sources.find((source) => source.entry.path === bundleNames.kernel);
  if (image === undefined) {
    throw new BangerError("wrong-image", `${input.from} has no ${bundleNames.kernel}`, {
      hint: `name the image itself: banger kernel import ${input.name} --from /path/to/vmlinux …`,
    });
  }
  requireImage(image.absolute, input.arch);
  const version = versionOf(image.absolute, input);
  return withStaged(store, async (staged) => {
    for (const source of sources) copy(staged, source);
    const manifest = manifestOf(input, version, staged);
    staged.seal(formatManifest(manifest));
    return publish(context, store, input, staged, manifest);
  });
}

function refuseToReplace(installed: InstalledKernel | undefined, input: ImportInput): void {
  if (installed === undefined || input.force || installed.manifest.source === "import") return;
  throw new BangerError("refused", `${input.name} is a kernel from the catalog`, {
    hint: "import it under another name, or replace it with --force",
  });
}

function collect(context: Context, input: ImportInput): Source[] {
  const from = path.resolve(input.from);
  const stats = lookThrough(from);
  if (stats === undefined) {
    throw new BangerError("io", `cannot import ${input.from}: no such file or folder`);
  }
  if (stats.isFile()) {
    const entry = { kind: "file", path: bundleNames.kernel, sizeBytes: stats.size } as const;
    return [{ entry, absolute: realPath(from) }];
  }
  if (!stats.isDirectory()) {
    throw new BangerError("wrong-image", `${input.from} is neither a file nor a folder`);
  }
  const leftOut: string[] = [];
  const sources: Source[] = [];
  const tree = new BundleTree();
  for (const item of walkTree(from)) {
    if (item.path === manifestFileName) continue;
    if (item.kind === "link" && /^modules\/[^/]+\/(?:build|source)$/.test(item.path)) {
      leftOut.push(item.path);
      continue;
    }
    const entry = toEntry(item, input.from);
    tree.add(entry);
    sources.push({ entry, absolute: path.join(from, item.path) });
  }
  if (sources.some((source) => source.entry.path === bundleNames.kernel)) tree.finish();
  if (leftOut.length > 0) context.report({ kind: "left-out", name: input.name, paths: leftOut });
  return sources;
}

function toEntry(item: TreeItem, from: string): TarEntry {
  switch (item.kind) {
    case "file":
      return { kind: "file", path: item.path, sizeBytes: item.sizeBytes };
    case "folder":
      return { kind: "directory", path: item.path };
    case "link":
      return { kind: "symlink", path: item.path, target: item.target };
    case "other":
      throw new BangerError("unsafe-archive", `${from}/${item.path} is no file, folder or link`);
  }
}

function requireImage(file: string, arch: Arch): void {
  const size = lookThrough(file)?.size ?? 0;
  requireBootable(identifyImage(readHead(file, imageHeadBytes), size), arch, file);
}

/** The version that was given, else the one that the image tells. */
function versionOf(file: string, input: ImportInput): KernelVersion {
  const search = new BannerSearch();
  readChunks(file, (chunk) => search.push(chunk));
  const banner = search.found;
  if (banner === undefined) {
    throw new BangerError(
      "wrong-image",
      `${file} is no Linux kernel: it has no "Linux version" banner`,
    );
  }
  const version = input.kernelVersion ?? banner.version;
  if (isKernelVersion(version)) return version;
  throw new BangerError("wrong-image", `${file} calls itself ${JSON.stringify(banner.text)}`, {
    hint: "say which version it is: --kernel-version 6.12.117",
  });
}

function copy(staged: StagedTree, source: Source): void {
  const { entry, absolute } = source;
  switch (entry.kind) {
    case "directory":
      staged.addFolder(entry.path);
      break;
    case "symlink":
      staged.addLink(entry.path, entry.target);
      break;
    case "file":
      staged.beginFile(entry.path);
      readChunks(absolute, (chunk) => {
        staged.write(chunk);
      });
      staged.endFile();
      break;
  }
}

function manifestOf(input: ImportInput, version: KernelVersion, staged: StagedTree): Manifest {
  return {
    version: 1,
    name: input.name,
    distro: input.distro,
    arch: input.arch,
    kernel_version: version,
    source: "import",
    installed_at: now(),
    files: staged.files,
    links: staged.links,
  };
}

function publish(
  context: Context,
  store: KernelStore,
  input: ImportInput,
  staged: StagedTree,
  manifest: Manifest,
): Promise<ImportResult> {
  return change(context, store, `importing ${input.name}`, (transaction) => {
    const before = store.replaceable(input.name, input.arch);
    refuseToReplace(before, input);
    if (before !== undefined && isSame(before.manifest, manifest) && isWhole(before)) {
      // As with a pull: whoever imported it may have died before its link was durable.
      syncFolder(store.layout.root);
      return { kernel: before, outcome: "current" };
    }
    transaction.publish(staged, store.slotOf(input.name, input.arch), "import", "older");
    const kernel = store.changed(input.name, input.arch);
    return { kernel, outcome: before === undefined ? "installed" : "updated" };
  });
}

/** Whether two manifests describe the same kernel, whenever it was installed. */
function isSame(a: Manifest, b: Manifest): boolean {
  return timeless(a) === timeless(b);
}

function timeless(manifest: Manifest): string {
  return formatManifest({ ...manifest, installed_at: "" });
}
