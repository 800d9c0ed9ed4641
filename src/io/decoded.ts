import type { Transform } from "node:stream";

/**
 * What a decoder of the platform makes of `source`, which is read as fast as the result is.
 *
 * @throws what the decoder says of unsound data; the signal's reason.
 */
export async function* decoded(
  decoder: Transform,
  source: Iterator<Uint8Array, unknown>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const feed = (): void => {
    for (;;) {
      const next = source.next();
      if (next.done === true) {
        decoder.end();
        return;
      }
      if (!decoder.write(next.value)) return;
    }
  };
  decoder.on("drain", feed);
  feed();
  try {
    for await (const chunk of decoder) {
      signal.throwIfAborted();
      if (chunk instanceof Uint8Array) yield chunk;
    }
  } finally {
    decoder.destroy();
  }
}
