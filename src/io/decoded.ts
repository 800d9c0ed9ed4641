import type { Transform } from "node:stream";
import { freePiece } from "./memory.ts";

/** So many pieces are on their way into the decoder: one that it works on, one that waits. */
const piecesAhead = 2;

/** What is to be decoded, piece by piece. */
export interface EncodedSource {
  /** How large a piece is at most. */
  readonly pieceBytes: number;
  /** Puts the next piece at the start of `buffer`. @returns how many bytes; 0 at the end */
  read(buffer: Uint8Array): number;
}

interface Progress {
  is: "running" | "ended" | "failed";
  error: unknown;
}

/**
 * What a decoder of the platform makes of `source`.
 *
 * The decoder works on a thread of its own. What it has made is taken out of its stream at once, so that
 * it goes on with the next while the caller works on this one. Memory that was never touched before costs
 * more than the decoding: what goes in uses the same few buffers, and what came out is freed at once.
 *
 * @returns pieces, each of which is valid only until the next is asked for.
 * @throws what the decoder says of unsound data; what `source` throws; the signal's reason.
 */
export async function* decoded(
  decoder: Transform,
  source: EncodedSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const made: Uint8Array[] = [];
  const progress: Progress = { is: "running", error: undefined };
  let wake: (() => void) | undefined;
  const stop = (is: "ended" | "failed", error?: unknown): void => {
    if (progress.is === "running") {
      progress.is = is;
      progress.error = error;
    }
    wake?.();
  };
  const feed = (buffer: Uint8Array): void => {
    if (progress.is !== "running" || decoder.writableEnded) return;
    try {
      const count = source.read(buffer);
      if (count === 0) {
        decoder.end();
      } else {
        decoder.write(buffer.subarray(0, count), (error) => {
          if (error === null || error === undefined) feed(buffer);
        });
      }
    } catch (error) {
      stop("failed", error);
    }
  };
  decoder.on("data", (chunk: Uint8Array) => {
    made.push(chunk);
    decoder.pause();
    wake?.();
  });
  decoder.on("end", () => {
    stop("ended");
  });
  decoder.on("error", (error) => {
    stop("failed", error);
  });
  try {
    for (let ahead = 0; ahead < piecesAhead; ahead += 1) {
      feed(Buffer.allocUnsafe(source.pieceBytes));
    }
    for (;;) {
      signal.throwIfAborted();
      const chunk = made.shift();
      if (chunk !== undefined) {
        decoder.resume();
        yield chunk;
        freePiece(chunk);
      } else if (progress.is === "running") {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (progress.is === "ended") {
        return;
      } else {
        throw progress.error;
      }
    }
  } finally {
    decoder.destroy();
  }
}
