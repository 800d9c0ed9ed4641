import { BangerError } from "../core/errors.ts";
import { ZstdFrames } from "../core/zstd-frames.ts";
import { decoded } from "./decoded.ts";
import { guard } from "./files.ts";
import { expectMemory } from "./memory.ts";
import { fill } from "./read-range.ts";

/** What goes into the decoder at once, and what comes out: smaller pieces cost more than the decoding. */
const pieceBytes = 1 << 20;
/** A larger window would make every reader hold that much memory. */
const maxWindowBytes = 32 * 2 ** 20;
/** How much is allocated in pieces at a time, by the decoder and for it. */
const piecesBytes = 8 * pieceBytes;
/** @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1 */
const maxFrameHeaderBytes = 18;

/** The decoder of the platform, which takes milliseconds to load. */
function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}

/** Loads the decoder once there is nothing else to do: before a download, while the server answers. */
export function prepareDecompressionSoon(): void {
  setTimeout(zlib, 0);
}

/**
 * Decompresses a zstd file whose framing is sound to the last byte.
 *
 * The decoder of the platform ends in silence on truncated input and passes over what follows the
 * last frame, so the frames are walked here as well: each piece before the decoder gets it.
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
  // A smaller file is decoded before it would pay.
  if (sizeBytes > pieceBytes) expectMemory(firstWindowBytes(descriptor) + piecesBytes);
  const decoder = zlib().createZstdDecompress({ chunkSize: pieceBytes });
  const frames = new ZstdFrames({ windowBytes: maxWindowBytes });
  let position = 0;
  const read = (buffer: Uint8Array): number => {
    const count = readAt(descriptor, buffer.subarray(0, sizeBytes - position), position);
    position += count;
    if (count > 0) frames.push(buffer.subarray(0, count));
    return count;
  };
  try {
    yield* decoded(decoder, { pieceBytes, read }, signal);
  } catch (error) {
    if (error instanceof BangerError || signal.aborted) throw error;
    throw new BangerError("verification-failed", "the tarball is not sound zstd data", {
      cause: error,
    });
  }
  frames.end();
}

/** What the first frame wants. @throws {BangerError} as {@link decompress} */
function firstWindowBytes(descriptor: number): number {
  const header = new Uint8Array(maxFrameHeaderBytes);
  const count = readAt(descriptor, header, 0);
  const frames = new ZstdFrames({ windowBytes: maxWindowBytes });
  frames.push(header.subarray(0, count));
  return frames.windowBytes;
}

function readAt(descriptor: number, buffer: Uint8Array, position: number): number {
  return guard("cannot read the downloaded tarball", () => fill(descriptor, buffer, position));
}
