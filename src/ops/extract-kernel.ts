import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { missingKernel, requireBootable } from "../core/bootable.ts";
import { BangerError } from "../core/errors.ts";
import {
  type Compression,
  identifyImage,
  imageArch,
  type ImageKind,
  imageHeadBytes,
} from "../core/kernel-image.ts";
import { bzImagePayload, efiZbootPayload, type Payload } from "../core/kernel-payload.ts";
import { writeChunks } from "../io/copy.ts";
import { decompressBytes } from "../io/decompress.ts";
import { lookThrough, realPath } from "../io/files.ts";
import { HeldFile } from "../io/held-file.ts";
import type { Context } from "./context.ts";

/** What {@link extractKernel} took out of a file. */
export interface ExtractedKernel {
  /** Absolute. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly arch: Arch;
  /** The wrappings, from the outermost on: `gzip`, `bzimage`, … */
  readonly wrappings: readonly string[];
}

/** No file that holds a kernel is larger: 256 MiB. */
const maxWrappedBytes = 2 ** 28;
/** No kernel that comes out is larger: 512 MiB. */
const maxKernelBytes = 2 ** 29;
/** A bzImage in an archive file has three: more is made to waste somebody's time. */
const maxWrappings = 4;

/**
 * Unwraps a kernel: bzImage, `vmlinuz.efi`, or a compressed file.
 *
 * @param target a file that does not exist yet, or a folder, which gets a `vmlinux`.
 * @throws {BangerError} `wrong-image`, when there is nothing to unwrap, what is within is damaged or no
 * kernel; `refused`, when something is there; `not-found`, `failed`, `io`, `no-space`.
 */
export async function extractKernel(
  context: Context,
  source: string,
  target: string,
): Promise<ExtractedKernel> {
  const resolved = path.resolve(target);
  const isFolder = lookThrough(resolved)?.isDirectory() === true;
  const file = isFolder ? path.join(resolved, "vmlinux") : resolved;
  const wrappings: string[] = [];
  let held = open(source);
  try {
    for (;;) {
      const image = identifyImage(held.head(imageHeadBytes), held.sizeBytes);
      if (wrappings.length === 0 && !isWrapped(image)) requireWrapped(image, source);
      if (!isWrapped(image) || wrappings.length === maxWrappings) {
        const { arch, sizeBytes } = requireKernel(image, source);
        writeChunks(held.chunks(sizeBytes), file);
        return { file, sizeBytes, arch, wrappings };
      }
      const { name, bytes, format, contentBytes } = contentOf(held, image, source);
      wrappings.push(name);
      const inner = await decompressBytes(bytes, format, {
        folder: path.dirname(file),
        maxBytes: maxKernelBytes,
        variables: context.environment.variables,
        signal: context.signal,
      });
      held[Symbol.dispose]();
      held = inner;
      if (contentBytes !== undefined && held.sizeBytes !== contentBytes) throw cutShort(source);
    }
  } finally {
    held[Symbol.dispose]();
  }
}

function open(source: string): HeldFile {
  const stats = lookThrough(source);
  if (stats === undefined) throw missingKernel(source);
  // A file of /proc has no size, and reading it may take for ever.
  if (stats.isFile() && stats.size === 0) requireBootable({ kind: "empty" }, "x86_64", source);
  const held = stats.isFile() ? HeldFile.open(realPath(source)) : undefined;
  if (held === undefined) throw new BangerError("wrong-image", `${source} is no regular file`);
  return held;
}

type Wrapped = Extract<ImageKind, { readonly kind: "bzimage" | "efi-zboot" | "compressed" }>;

function isWrapped(image: ImageKind): image is Wrapped {
  return ["bzimage", "efi-zboot", "compressed"].includes(image.kind);
}

function requireWrapped(image: ImageKind, source: string): void {
  const arch = imageArch(image);
  if (arch !== undefined) {
    requireBootable(image, arch, source);
    throw new BangerError("wrong-image", `${source} is a kernel already: nothing to extract`, {
      hint: `to see what is in it: banger kernel check ${source}`,
    });
  }
  requireBootable(image, "x86_64", source);
}

/** The kernel that came out, without what follows it: a bzImage has relocations there. */
function requireKernel(image: ImageKind, source: string): { arch: Arch; sizeBytes: number } {
  const arch = imageArch(image) ?? "x86_64";
  requireBootable(image, arch, `what is in ${source}`);
  if (image.kind === "elf") return { arch, sizeBytes: image.neededBytes };
  if (image.kind === "arm64-image") return { arch, sizeBytes: image.sizeBytes };
  throw new Error(`${image.kind} is not bootable`);
}

interface Content {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly format: Compression;
  /** What comes out, where the file says how much that is. */
  readonly contentBytes?: number;
}

function contentOf(held: HeldFile, image: Wrapped, source: string): Content {
  const { sizeBytes } = held;
  if (sizeBytes > maxWrappedBytes) {
    throw new BangerError("wrong-image", `${source} is too large for a kernel: ${sizeBytes} bytes`);
  }
  if (image.kind === "compressed") {
    return { name: image.format, bytes: held.range(0, sizeBytes), format: image.format };
  }
  const payload = payloadOf(held, image.kind);
  if (payload === undefined) throw cutShort(source);
  const bytes = held.range(payload.offset, payload.sizeBytes);
  const inner = identifyImage(bytes.subarray(0, imageHeadBytes), bytes.length);
  if (inner.kind !== "compressed") {
    throw new BangerError(
      "wrong-image",
      `${source} is compressed in a way that banger cannot undo`,
    );
  }
  const { format } = inner;
  const name = `${image.kind} (${format})`;
  if (!payload.endsWithSize) return { name, bytes, format };
  const end = bytes.length - 4;
  const contentBytes = new DataView(bytes.buffer, bytes.byteOffset + end).getUint32(0, true);
  // With gzip the size is a part of the format.
  return { name, bytes: format === "gzip" ? bytes : bytes.subarray(0, end), format, contentBytes };
}

function cutShort(source: string): BangerError {
  return new BangerError(
    "wrong-image",
    `${source} is cut short or damaged: its kernel is not whole`,
    { hint: "copy or download it again" },
  );
}

function payloadOf(held: HeldFile, kind: "bzimage" | "efi-zboot"): Payload | undefined {
  const head = held.head(imageHeadBytes);
  const find = kind === "bzimage" ? bzImagePayload : efiZbootPayload;
  return find(head, held.sizeBytes);
}
