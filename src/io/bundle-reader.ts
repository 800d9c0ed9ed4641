import * as fs from "node:fs";
import { guard } from "./files.ts";
import { decompress } from "./zstd.ts";

/**
 * Hands on the tar stream of a tarball, chunk by chunk.
 *
 * @returns the bytes of the tar stream.
 * @throws {BangerError} `io`; `verification-failed` for unsound zstd; what `onChunk` throws.
 */
export async function readBundle(
  file: string,
  onChunk: (chunk: Uint8Array) => void,
): Promise<number> {
  const descriptor = guard(`cannot read ${file}`, () => fs.openSync(file, fs.constants.O_RDONLY));
  try {
    const { size } = guard(`cannot read ${file}`, () => fs.fstatSync(descriptor));
    let unpackedBytes = 0;
    for await (const chunk of decompress(descriptor, size, new AbortController().signal)) {
      unpackedBytes += chunk.length;
      onChunk(chunk);
    }
    return unpackedBytes;
  } finally {
    fs.closeSync(descriptor);
  }
}
