import type { Arch } from "./arch.ts";
import { type ElfImage, isElf, readElf } from "./elf-header.ts";

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
