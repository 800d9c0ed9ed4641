import path from "node:path";
import { isLoaded, missingKernel, requireBootable } from "../core/bootable.ts";
import type { Arch } from "../core/arch.ts";
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
import { HeldFile } from "../io/held-file.ts";
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
  using held = openKernel(target);
  return inspectOpenKernel(context, target, held);
}

/** Opens a kernel, to be read and booted as one and the same. @throws as {@link inspectKernel} */
export function openKernel({ file }: KernelTarget): HeldFile {
  requireFile(file);
  const held = HeldFile.open(realPath(file));
  if (held === undefined) throw missingKernel(file);
  return held;
}

/** {@link inspectKernel} of a kernel that is open. @throws as that; `io`, when it changes meanwhile */
export function inspectOpenKernel(
  context: Context,
  target: KernelTarget,
  held: HeldFile,
): KernelFacts {
  const { file } = target;
  const { sizeBytes, stamp } = held;
  // A file of /proc has no size, and reading it may take for ever.
  const head = sizeBytes === 0 ? new Uint8Array() : held.head(imageHeadBytes);
  const image = identifyImage(head, sizeBytes);
  const arch = target.arch ?? imageArch(image) ?? context.environment.hostArch;
  requireBootable(image, arch, file);
  if (sizeBytes > maxKernelBytes) {
    throw new BangerError("wrong-image", `${file} has ${sizeBytes} bytes: no kernel is that large`);
  }
  const banners = new BannerSearch();
  const configs = new IkconfigSearch();
  const hash = new Sha256Hash();
  for (const chunk of held.chunks(maxKernelBytes)) {
    context.signal.throwIfAborted();
    banners.push(chunk);
    configs.push(chunk);
    hash.update(chunk);
  }
  const banner = requireBanner(file, banners.found);
  const named = { ...banner.banner, arch };
  const facts = {
    file,
    sizeBytes,
    sha256: hash.digest(),
    arch,
    ...banner,
    ...loadedAs(file, held, image),
    config: embedded(file, held, image, named, configs) ?? beside(context, file, named),
    hasModules: target.hasModules,
  };
  requireUnchanged(file, held, stamp);
  return facts;
}

/** @throws {BangerError} `io`, when somebody has written to the file since it had this stamp. */
export function requireUnchanged(file: string, held: HeldFile, stamp: string): void {
  if (held.stamp === stamp) return;
  throw new BangerError("io", `${file} has changed while it was read`, {
    hint: "run the same command again when it is written",
  });
}

function requireFile(file: string): void {
  const stats = lookThrough(file);
  if (stats === undefined) throw missingKernel(file);
  if (stats.isFile()) return;
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

function loadedAs(file: string, held: HeldFile, image: ImageKind): Loaded {
  if (image.kind === "arm64-image") return arm64Loaded(image);
  if (image.kind === "elf") return elfLoaded(file, held, image);
  throw new Error(`${image.kind} is not bootable`);
}

function arm64Loaded({ imageSizeBytes, sizeBytes }: Arm64Image): Loaded {
  const memoryBytes = Math.max(imageSizeBytes, sizeBytes);
  const segments = [{ address: 0, fileBytes: sizeBytes, memoryBytes }];
  return { protocol: "arm64-image", entry: 0, segments, memoryBytes };
}

function elfLoaded(file: string, held: HeldFile, elf: ElfImage): Loaded {
  const pvh = elf.notes
    .map(({ offset, fileBytes }) =>
      pvhEntry(held.range(offset, Math.min(fileBytes, maxNotesBytes))),
    )
    .find((entry) => entry !== undefined);
  if (pvh !== undefined && !isLoaded(elf, pvh)) {
    throw new BangerError(
      "wrong-image",
      `${file} is a damaged ELF file: its PVH entry is 0x${pvh.toString(16)}, where nothing is loaded`,
      { hint: "copy or download it again" },
    );
  }
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
function embedded(
  file: string,
  held: HeldFile,
  image: ImageKind,
  kernel: Named,
  search: IkconfigSearch,
): FoundConfig | undefined {
  for (const { offset, sizeBytes } of search.found) {
    if (image.kind === "elf" && !isInSegment(image, offset)) continue;
    const bytes = gunzip(held.range(offset, sizeBytes), maxKconfigBytes);
    const text = bytes && new TextDecoder("latin1").decode(bytes);
    if (text === undefined || !isOf(kernel, titleOf(text))) continue;
    const symbols = symbolsOf(text, file);
    if (symbols !== undefined) return { from: "embedded", file: undefined, symbols };
  }
  return undefined;
}

/** Whether a byte of the file comes into memory. */
function isInSegment({ loads }: ElfImage, offset: number): boolean {
  return loads.some((load) => offset >= load.offset && offset < load.offset + load.fileBytes);
}

/** The names that distributions and kernel builds give to the configuration of a kernel. */
function namesBeside(file: string, { release }: Banner): string[] {
  const name = path.basename(file);
  const names = [bundleNames.config, `${name}.config`, `config-${release}`];
  return name === "vmlinux" ? [...names, ".config"] : names;
}

/** A configuration that lies beside the kernel, and says that it is of this version and architecture. */
function beside(context: Context, file: string, kernel: Named): FoundConfig | undefined {
  for (const name of namesBeside(file, kernel)) {
    const candidate = path.join(path.dirname(file), name);
    const text = textBeside(candidate);
    if (text === undefined) continue;
    const title = titleOf(text);
    const isOfKernel = isOf(kernel, title);
    const symbols = isOfKernel ? symbolsOf(text, candidate) : undefined;
    if (symbols !== undefined) return { from: "beside", file: candidate, symbols };
    const foreign = isOfKernel ? undefined : title && `${title.version} for ${title.arch}`;
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

interface Title {
  /** As Linux calls it: `x86`, `arm64`. */
  readonly arch: string;
  readonly version: string;
}

/** What a configuration says that it is of, in its first lines. */
function titleOf(text: string): Title | undefined {
  const [, arch, version] =
    /^# Linux\/(\S{1,40}) (\S{1,100}) Kernel Configuration$/m.exec(text.slice(0, 4096)) ?? [];
  return arch === undefined || version === undefined ? undefined : { arch, version };
}

/** A kernel, as far as a configuration can name it. */
type Named = Banner & { readonly arch: Arch };

const archTitles: Readonly<Record<Arch, readonly string[]>> = {
  x86_64: ["x86", "x86_64"],
  arm64: ["arm64"],
};

function isOf(kernel: Named, title: Title | undefined): boolean {
  if (title === undefined) return false;
  return archTitles[kernel.arch].includes(title.arch) && isNamedIn(kernel, title.version);
}

/**
 * Whether a banner names a version, alone or with a suffix: Debian's `6.1.0-56-amd64` says "Debian 6.1.192-2"
 * further on, and its configuration 6.1.192.
 */
function isNamedIn({ text }: Banner, version: string): boolean {
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
