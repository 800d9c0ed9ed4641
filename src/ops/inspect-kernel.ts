import path from "node:path";
import { missingKernel, requireBootable } from "../core/bootable.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import type { ElfImage } from "../core/elf-header.ts";
import { maxNotesBytes, pvhEntry } from "../core/elf-notes.ts";
import { BangerError } from "../core/errors.ts";
import { IkconfigSearch } from "../core/ikconfig.ts";
import { type Kconfig, maxKconfigBytes, parseKconfig } from "../core/kconfig.ts";
import { type Banner, bannerParts, BannerSearch } from "../core/kernel-banner.ts";
import type { FoundConfig, KernelFacts } from "../core/kernel-facts.ts";
import {
  type Arm64Image,
  identifyImage,
  imageArch,
  type ImageKind,
  imageHeadBytes,
} from "../core/kernel-image.ts";
import { isKernelVersion } from "../core/kernel-version.ts";
import { gunzip } from "../io/decompress.ts";
import { lookThrough, readText, realPath } from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
import { readHead, readRange } from "../io/read-range.ts";
import { readChunks } from "../io/tree-reader.ts";
import type { Context } from "./context.ts";
import type { KernelTarget } from "./kernel-target.ts";

/** No kernel is larger, with all that a build can put into it: 1 GiB. */
const maxKernelBytes = 2 ** 30;

/**
 * Reads a kernel once from start to end, and tells what its bytes say. Runs nothing.
 *
 * @throws {BangerError} `wrong-image`, when Firecracker would not load it: it is no kernel, or not in
 * the right form; `not-found`, `io`.
 */
export function inspectKernel(context: Context, target: KernelTarget): KernelFacts {
  const { file } = target;
  const sizeBytes = requireFile(file);
  // A file of /proc has no size, and reading it may take for ever.
  const head = sizeBytes === 0 ? new Uint8Array() : readHead(file, imageHeadBytes);
  const image = identifyImage(head, sizeBytes);
  const arch = target.arch ?? imageArch(image) ?? context.environment.hostArch;
  requireBootable(image, arch, file);
  if (sizeBytes > maxKernelBytes) {
    throw new BangerError("wrong-image", `${file} has ${sizeBytes} bytes: no kernel is that large`);
  }
  const banners = new BannerSearch();
  const configs = new IkconfigSearch();
  const hash = new Sha256Hash();
  readChunks(realPath(file), (chunk) => {
    context.signal.throwIfAborted();
    banners.push(chunk);
    configs.push(chunk);
    hash.update(chunk);
  });
  const banner = requireBanner(file, banners.found);
  return {
    file,
    sizeBytes,
    sha256: hash.digest(),
    arch,
    ...banner,
    ...loadedAs(file, image),
    config: embedded(file, configs) ?? beside(context, file, banner.banner),
    hasModules: target.hasModules,
  };
}

function requireFile(file: string): number {
  const stats = lookThrough(file);
  if (stats === undefined) throw missingKernel(file);
  if (stats.isFile()) return stats.size;
  throw new BangerError(
    "wrong-image",
    `${file} is ${stats.isDirectory() ? "a folder" : "a device or pipe"}, no kernel image`,
    { hint: "name the file itself, or an installed kernel: banger kernel list" },
  );
}

function requireBanner(
  file: string,
  banner: Banner | undefined,
): Pick<KernelFacts, "banner" | "build" | "version"> {
  if (banner === undefined) {
    throw new BangerError("wrong-image", `${file} is no Linux kernel: it has no "Linux version"`);
  }
  const version = [banner.release, banner.version].find(isKernelVersion);
  if (version !== undefined) return { banner, build: bannerParts(banner), version };
  throw new BangerError("wrong-image", `${file} calls itself ${JSON.stringify(banner.text)}`);
}

type Loaded = Pick<KernelFacts, "protocol" | "entry" | "segments" | "memoryBytes">;

function loadedAs(file: string, image: ImageKind): Loaded {
  if (image.kind === "arm64-image") return arm64Loaded(image);
  if (image.kind === "elf") return elfLoaded(file, image);
  throw new Error(`${image.kind} is not bootable`);
}

function arm64Loaded({ imageSizeBytes, sizeBytes }: Arm64Image): Loaded {
  const memoryBytes = Math.max(imageSizeBytes, sizeBytes);
  const segments = [{ address: 0, fileBytes: sizeBytes, memoryBytes }];
  return { protocol: "arm64-image", entry: 0, segments, memoryBytes };
}

function elfLoaded(file: string, elf: ElfImage): Loaded {
  const pvh = elf.notes
    .map(({ offset, fileBytes }) =>
      pvhEntry(readRange(file, offset, Math.min(fileBytes, maxNotesBytes))),
    )
    .find((entry) => entry !== undefined);
  return {
    protocol: pvh === undefined ? "linux64" : "pvh",
    entry: pvh ?? elf.entry,
    segments: elf.loads.map(({ physicalAddress, fileBytes, memoryBytes }) => ({
      address: physicalAddress,
      fileBytes,
      memoryBytes,
    })),
    memoryBytes: Math.max(...elf.loads.map((load) => load.physicalAddress + load.memoryBytes)),
  };
}

/** The first embedded configuration that can be read; what cannot is none. */
function embedded(file: string, search: IkconfigSearch): FoundConfig | undefined {
  for (const { offset, sizeBytes } of search.found) {
    const bytes = gunzip(readRange(file, offset, sizeBytes), maxKconfigBytes);
    const symbols = bytes && symbolsOf(new TextDecoder("latin1").decode(bytes), file);
    if (symbols !== undefined) return { from: "embedded", file: undefined, symbols };
  }
  return undefined;
}

/** The names that distributions and kernel builds give to the configuration of a kernel. */
function namesBeside(file: string, { release }: Banner): string[] {
  const name = path.basename(file);
  const names = [bundleNames.config, `${name}.config`, `config-${release}`];
  return name === "vmlinux" ? [...names, ".config"] : names;
}

/** A configuration that lies beside the kernel, and says that it is of this version. */
function beside(context: Context, file: string, banner: Banner): FoundConfig | undefined {
  for (const name of namesBeside(file, banner)) {
    const candidate = path.join(path.dirname(file), name);
    const text = textBeside(candidate);
    if (text === undefined) continue;
    const version = /^# Linux\/\S+ (\S+) Kernel Configuration$/m.exec(text)?.[1];
    const isOfKernel = isNamedIn(banner, version);
    const symbols = isOfKernel ? symbolsOf(text, candidate) : undefined;
    if (symbols !== undefined) return { from: "beside", file: candidate, symbols };
    const foreign = isOfKernel ? undefined : version;
    context.report({ kind: "foreign-config", file: candidate, version: foreign });
  }
  return undefined;
}

/** Undefined when there is no such file; empty when it cannot be read. */
function textBeside(candidate: string): string | undefined {
  try {
    const stats = lookThrough(candidate);
    if (stats?.isFile() !== true) return undefined;
    return stats.size === 0 ? "" : (readText(realPath(candidate), maxKconfigBytes) ?? "");
  } catch (error) {
    if (error instanceof BangerError) return "";
    throw error;
  }
}

/**
 * Whether a banner names a version, alone or with a suffix: Debian's `6.1.0-56-amd64` says "Debian 6.1.192-2"
 * further on, and its configuration 6.1.192.
 */
function isNamedIn({ text }: Banner, version: string | undefined): boolean {
  if (version === undefined) return false;
  return text
    .split(/[^\w.+~-]+/)
    .some(
      (word) =>
        word === version || (/^[-+]/.test(word.slice(version.length)) && word.startsWith(version)),
    );
}

function symbolsOf(text: string, origin: string): Kconfig | undefined {
  try {
    const symbols = parseKconfig(text, origin);
    return symbols.size === 0 ? undefined : symbols;
  } catch (error) {
    if (error instanceof BangerError && error.code === "failed") return undefined;
    throw error;
  }
}
