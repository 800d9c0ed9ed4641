import * as fs from "node:fs";

import { BangerError } from "../core/errors.ts";
import { ZstdFrames } from "../core/zstd-frames.ts";
import { decoded } from "./decoded.ts";
import { guard } from "./files.ts";

const chunkBytes = 256 * 1024;
/** A larger window would make every reader hold that much memory. */
const maxWindowBytes = 32 * 2 ** 20;

/**
 * Decompresses a zstd file whose framing is sound to the last byte.
 *
 * The decoder of the platform ends in silence on truncated input and passes over what follows the
 * last frame, so the frames are walked here as well.
 *
 * @param descriptor of the compressed file, read from its start.
 * @param sizeBytes of the compressed file.
 * @throws {BangerError} `verification-failed`, when it is corrupt, cut, followed by other bytes, or
 * wants more than 32 MiB of window; the signal's reason.
 */
export async function* decompress(
  descriptor: number,
  sizeBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  checkFrames(descriptor, sizeBytes);
  const { createZstdDecompress } = process.getBuiltinModule("node:zlib");
  const decoder = createZstdDecompress({ chunkSize: chunkBytes });
  try {
    yield* decoded(decoder, readChunks(descriptor, sizeBytes), signal);
  } catch (error) {
    if (error instanceof BangerError || signal.aborted) throw error;
    throw new BangerError("verification-failed", "the tarball is not sound zstd data", {
      cause: error,
    });
  }
}

function checkFrames(descriptor: number, sizeBytes: number): void {
  const frames = new ZstdFrames({ windowBytes: maxWindowBytes });
  for (const chunk of readChunks(descriptor, sizeBytes)) frames.push(chunk);
  frames.end();
}

function* readChunks(descriptor: number, sizeBytes: number): Generator<Uint8Array, void> {
  let position = 0;
  while (position < sizeBytes) {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - position));
    const count = guard("cannot read the downloaded tarball", () =>
      fs.readSync(descriptor, buffer, 0, buffer.length, position),
    );
    if (count === 0) return;
    position += count;
    yield buffer.subarray(0, count);
  }
}
