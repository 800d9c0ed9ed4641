/** The kernels of this repository's own bundles, as far as the parsers look at them. */
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ElfSegment, isElf, readElf } from "../../src/core/elf-header.ts";
import { imageHeadBytes } from "../../src/core/kernel-image.ts";
import { TarReader } from "../../src/core/tar-reader.ts";
import { readBundle } from "../../src/io/bundle-reader.ts";

export interface RealKernel {
  /** The first 64 KiB of its vmlinux or Image. */
  readonly head: Uint8Array;
  /** The bytes of the first `PT_NOTE` segment, when it has one. */
  readonly notes: Uint8Array | undefined;
}

let kernels: Promise<readonly RealKernel[]> | undefined;

/** All of them, read once. */
export function realKernels(): Promise<readonly RealKernel[]> {
  kernels ??= readAll();
  return kernels;
}

async function readAll(): Promise<readonly RealKernel[]> {
  const folder = resolve(import.meta.dirname, "../../bundles");
  const files = readdirSync(folder).filter((file) => file.endsWith(".tar.zst"));
  return Promise.all(files.map((file) => readKernel(join(folder, file))));
}

/** Reads no more of a bundle than is wanted: the kernel is the first thing in it. */
async function readKernel(bundle: string): Promise<RealKernel> {
  const chunks: Uint8Array[] = [];
  let keptBytes = 0;
  let wantedBytes = imageHeadBytes;
  const enough = new Error("there is enough");
  const reader = new TarReader({
    entry: ({ path }) => {
      if (path !== "vmlinux" && keptBytes > 0) throw enough;
    },
    data: (chunk) => {
      chunks.push(chunk.slice());
      keptBytes += chunk.length;
      if (keptBytes < wantedBytes) return;
      wantedBytes = Math.max(wantedBytes, endOfNotes(Buffer.concat(chunks)));
      if (keptBytes >= wantedBytes) throw enough;
    },
    endOfFile: () => {
      // see entry
    },
  });
  try {
    await readBundle(bundle, (chunk) => {
      reader.push(chunk);
    });
  } catch (error) {
    if (error !== enough) throw error;
  }
  const kernel = Buffer.concat(chunks);
  const head = new Uint8Array(kernel.subarray(0, imageHeadBytes));
  const place = notesOf(head);
  const notes =
    place && new Uint8Array(kernel.subarray(place.offset, place.offset + place.fileBytes));
  return { head, notes };
}

function notesOf(head: Uint8Array): ElfSegment | undefined {
  return isElf(head) ? readElf(head, head.length).notes[0] : undefined;
}

function endOfNotes(head: Uint8Array): number {
  const place = notesOf(head);
  return place === undefined ? 0 : place.offset + place.fileBytes;
}
