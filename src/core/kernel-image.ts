import type { Arch } from "./arch.ts";
import { type ElfImage, isElf, readElf } from "./elf-header.ts";
import { BangerError } from "./errors.ts";

/** How many bytes from the start of a file `identifyImage` wants to see: 64 KiB. */
export const imageHeadBytes: number = 0x1_0000;

/** The compression formats that kernels are wrapped in. */
export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "lz4" | "lzma" | "lzo";

/** The archive formats that people take for a kernel. */
export type Archive = "tar" | "zip" | "cpio" | "deb" | "rpm";

/** An uncompressed arm64 `Image`: https://docs.kernel.org/arch/arm64/booting.html */
export interface Arm64Image {
  readonly kind: "arm64-image";
  /** The memory that the kernel asks for, in bytes; 0 before Linux 3.17. */
  readonly imageSizeBytes: number;
  readonly endian: "little" | "big";
  /** The size that the file must have for its PE sections, in bytes. */
  readonly neededBytes: number;
  readonly sizeBytes: number;
}

/** What a file is, as far as it matters to someone who wants to boot it. */
export type ImageKind =
  | ElfImage
  | Arm64Image
  | { readonly kind: "bzimage"; readonly arch: "x86_64" }
  /** `vmlinuz.efi`: a compressed kernel in an EFI program (CONFIG_EFI_ZBOOT). */
  | { readonly kind: "efi-zboot" }
  | { readonly kind: "compressed"; readonly format: Compression }
  | { readonly kind: "archive"; readonly format: Archive }
  | { readonly kind: "text"; readonly format: "html" | "xml" | "git-lfs" | "plain" }
  | { readonly kind: "empty" }
  /** Never the answer of `identifyImage`: for a caller that met a folder and wants our words. */
  | { readonly kind: "folder" }
  | { readonly kind: "unknown" };

const compressions: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
  // The legacy frame, which the kernel's own build writes.
  ["lz4", [0x02, 0x21, 0x4c, 0x18]],
  ["lzma", [0x5d, 0x00, 0x00]],
  ["lzo", [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]],
];

const archives: readonly (readonly [Archive, number, string])[] = [
  ["tar", 257, "ustar"],
  ["zip", 0, "PK\u0003\u0004"],
  ["cpio", 0, "070701"],
  ["cpio", 0, "070702"],
  ["deb", 0, "!<arch>\ndebian-binary"],
  ["rpm", 0, "\u00ed\u00ab\u00ee\u00db"],
];

/** Which architecture an image is for, as far as its format tells. */
export function imageArch(image: ImageKind): Arch | undefined {
  if (image.kind === "arm64-image") return "arm64";
  return image.kind === "elf" || image.kind === "bzimage" ? image.arch : undefined;
}

/** Whether `head` has the bytes of `wanted`, one a character up to U+00FF, at `at`. */
function hasText(head: Uint8Array, at: number, wanted: string): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (head[at + index] !== wanted.charCodeAt(index)) return false;
  }
  return true;
}

/**
 * Says what a file is by its first bytes. Never throws.
 *
 * @param head the first `imageHeadBytes` bytes, or the whole of a shorter file.
 * @param sizeBytes the size of the whole file.
 * @see https://docs.kernel.org/arch/x86/boot.html for bzImage
 * @see https://docs.kernel.org/arch/arm64/booting.html for Image
 * @example
 * identifyImage(new Uint8Array([0x1f, 0x8b, 8]), 9_000_000); // { kind: "compressed", format: "gzip" }
 */
export function identifyImage(head: Uint8Array, sizeBytes: number): ImageKind {
  if (sizeBytes === 0) return { kind: "empty" };
  if (isElf(head)) return readElf(head, sizeBytes);
  if (hasText(head, 0x1fe, "\u0055\u00aa") && hasText(head, 0x202, "HdrS")) {
    return { kind: "bzimage", arch: "x86_64" };
  }
  if (hasText(head, 0, "MZ") && hasText(head, 4, "zimg")) return { kind: "efi-zboot" };
  if (head.length >= 64 && hasText(head, 0x38, "ARM\u0064")) return readArm64(head, sizeBytes);
  const compression = compressions.find(([, magic]) =>
    magic.every((byte, index) => head[index] === byte),
  );
  if (compression !== undefined) return { kind: "compressed", format: compression[0] };
  const archive = archives.find(([, at, magic]) => hasText(head, at, magic));
  if (archive !== undefined) return { kind: "archive", format: archive[0] };
  if (isText(head)) return { kind: "text", format: textFormat(head) };
  return { kind: "unknown" };
}

/**
 * The header of an `Image`, and from the PE header that an EFI stub brings, where the file must
 * end: nothing in the arm64 header itself gives a cut file away.
 */
function readArm64(head: Uint8Array, sizeBytes: number): Arm64Image {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let neededBytes = 64;
  const pe = view.getUint32(0x3c, true);
  if (pe >= 64 && pe + 24 <= head.length && hasText(head, pe, "PE\0\0")) {
    const count = view.getUint16(pe + 6, true);
    const first = pe + 24 + view.getUint16(pe + 20, true);
    for (let index = 0; index < count && first + index * 40 + 40 <= head.length; index++) {
      const at = first + index * 40;
      const end = view.getUint32(at + 16, true) + view.getUint32(at + 20, true);
      neededBytes = Math.max(neededBytes, end);
    }
  }
  return {
    kind: "arm64-image",
    imageSizeBytes: Number(view.getBigUint64(16, true)),
    endian: view.getUint8(24) % 2 === 1 ? "big" : "little",
    neededBytes,
    sizeBytes,
  };
}

/** No control characters but those that text files have: a kernel has NULs in its first bytes. */
function isText(head: Uint8Array): boolean {
  return (
    head.length > 0 &&
    head.every((byte) => (byte >= 0x20 && byte !== 0x7f) || (byte >= 9 && byte <= 13))
  );
}

function textFormat(head: Uint8Array): "html" | "xml" | "git-lfs" | "plain" {
  const start = String.fromCharCode(...head.subarray(0, 512));
  if (/^\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b/is.test(start)) return "html";
  if (/^(?:\u00ef\u00bb\u00bf)?\s*<\?xml\b/i.test(start)) return "xml";
  return start.startsWith("version https://git-lfs.github.com/") ? "git-lfs" : "plain";
}

const wanted: Readonly<Record<Arch, string>> = {
  x86_64: "an uncompressed x86_64 vmlinux",
  arm64: "an uncompressed arm64 Image",
};

const fromBuild: Readonly<Record<Arch, string>> = {
  x86_64: "use vmlinux from the top of the kernel's build folder",
  arm64: "use arch/arm64/boot/Image from the kernel's build folder",
};

/** A path as one word of a POSIX shell, and no flag. */
function shellWord(path: string): string {
  const text = path.startsWith("-") ? `./${path}` : path;
  return /^[\w./+:@%,=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command that gets the kernel out of `path`; never onto the file that it reads. */
function extractCommand(path: string): string {
  const target = /(?:^|\/)vmlinux$/.test(path) ? "vmlinux.extracted" : "vmlinux";
  return `to get the kernel out of it: banger kernel extract ${shellWord(path)} -o ${target}`;
}

const textKinds = {
  html: "an HTML page",
  xml: "an XML document",
  "git-lfs": "a Git LFS pointer",
  plain: "a text file",
} as const;

/**
 * Returns if Firecracker on `arch` can load such a file: on x86_64 a 64-bit little-endian ELF
 * executable with something to load, on arm64 an `Image`. Whether it is Linux, and boots, is not
 * known from its head.
 *
 * @param kind what `identifyImage` said about the file.
 * @param path how the message and the commands in the hint call the file; may be relative.
 * @throws BangerError `wrong-image`: says what the file is, and in the hint (one line each) what to
 *   use instead.
 * @see https://github.com/firecracker-microvm/firecracker/blob/main/docs/rootfs-and-kernel-setup.md
 */
export function requireBootable(kind: ImageKind, arch: Arch, path: string): void {
  const refuse = (found: string, hint: string = fromBuild[arch]): never => {
    throw new BangerError("wrong-image", `${path} is ${found}, not ${wanted[arch]}`, { hint });
  };
  switch (kind.kind) {
    case "elf":
      requireBootableElf(kind, arch, path, refuse);
      return;
    case "arm64-image":
      if (arch !== "arm64") refuse("an arm64 Image");
      requireWhole(kind, path);
      if (kind.endian === "big") refuse("a big-endian arm64 Image");
      if (kind.imageSizeBytes === 0 || kind.imageSizeBytes > 2 ** 31) {
        refuse(`an arm64 Image that asks for ${kind.imageSizeBytes} bytes of memory`);
      }
      return;
    case "bzimage":
      if (arch !== "x86_64") refuse("an x86 bzImage");
      refuse("a compressed bzImage", extractCommand(path));
      return;
    case "efi-zboot":
      refuse("a compressed EFI program (vmlinuz.efi)", extractCommand(path));
      return;
    case "compressed":
      refuse(`${kind.format}-compressed`, extractCommand(path));
      return;
    case "archive":
      refuse(`a ${kind.format} archive`, "unpack it and use the kernel inside");
      return;
    case "text":
      refuse(
        textKinds[kind.format],
        kind.format === "git-lfs"
          ? "run: git lfs pull"
          : "if it was downloaded, look into it: servers send their errors as text",
      );
      return;
    case "empty":
      refuse("an empty file", "if it was downloaded or copied, that did not finish");
      return;
    case "folder":
      refuse("a folder", "name the file in it");
      return;
    case "unknown":
      refuse("no kernel image that banger knows");
      return;
  }
}

/** Below it Firecracker keeps its own tables: `HIMEM_START`. */
const highMemory = 0x10_0000;
/** Where the memory of a guest has its first gap: `FIRST_ADDR_PAST_32BITS - MEM_32BIT_GAP_SIZE`. */
const memoryGap = 0xc000_0000;

function requireBootableElf(
  elf: ElfImage,
  arch: Arch,
  path: string,
  refuse: (found: string, hint?: string) => never,
): void {
  if (elf.sizeBytes < 64) requireWhole(elf, path);
  if (elf.bits === undefined || elf.endian === undefined) refuse("a damaged ELF file");
  if (elf.type === "relocatable") refuse("an object file or kernel module");
  if (elf.type === "core") refuse("a core dump");
  if (elf.userland) refuse("a program that runs on Linux");
  if (elf.bits === 32) refuse("a 32-bit ELF file");
  if (elf.endian === "big") refuse("a big-endian ELF file");
  if (elf.arch !== arch) refuse(`an ELF file for ${elf.arch ?? `machine ${elf.machine}`}`);
  if (arch === "arm64") {
    refuse(
      "an ELF vmlinux",
      `on arm64 Firecracker boots the Image: ${fromBuild.arm64}\nor run: aarch64-linux-gnu-objcopy -O binary -R .note -R .note.gnu.build-id -R .comment -S ${shellWord(path)} Image`,
    );
  }
  if (elf.type === "other") refuse("an ELF file of an unknown type");
  requireWhole(elf, path);
  if (elf.headerFault !== undefined) {
    refuse(`an ELF file whose program headers ${elf.headerFault}`);
  }
  if (elf.loads.length === 0) refuse("an ELF file with nothing to load");
  if (elf.entry < highMemory) {
    refuse(`an ELF file that starts at 0x${elf.entry.toString(16)}, below the first MiB`);
  }
  if (elf.loads.some((load) => load.physicalAddress + load.memoryBytes > memoryGap)) {
    refuse("an ELF file that is loaded beyond the first 3 GiB of memory");
  }
}

function requireWhole(file: { neededBytes: number; sizeBytes: number }, path: string): void {
  if (file.sizeBytes >= file.neededBytes) return;
  throw new BangerError(
    "wrong-image",
    `${path} is cut short: it has ${file.sizeBytes} bytes, its headers ask for ${file.neededBytes}`,
    { hint: "copy or download it again" },
  );
}
