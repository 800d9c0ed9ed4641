import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import { TarReader } from "../core/tar-reader.ts";
import { readBundle } from "../io/bundle-reader.ts";
import { Sha256Hash } from "../io/hash.ts";

/** What a whole tarball holds, as far as it was asked for. */
export interface BundleFiles {
  /** Bytes of the tar stream. */
  readonly unpackedBytes: number;
  /** The hash of each regular file at the top. */
  readonly digests: ReadonlyMap<string, Sha256>;
  /** The text of the file that was asked for; undefined when the bundle has none. */
  readonly text: string | undefined;
}

/** A file at the top of a bundle whose text is wanted. */
export interface WantedText {
  readonly name: string;
  /** A larger one is refused. */
  readonly maxBytes: number;
}

/**
 * Reads a tarball from start to end, holding it to the rules of the format.
 *
 * @param wanted a file at the top whose text is to be kept.
 * @throws {BangerError} `io`; `verification-failed`, `unsafe-archive` for an unsound archive.
 */
export async function readBundleFiles(file: string, wanted?: WantedText): Promise<BundleFiles> {
  const digests = new Map<string, Sha256>();
  let name = "";
  let hash = new Sha256Hash();
  let parts: Uint8Array[] = [];
  let text: string | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      name = entry.path;
      hash = new Sha256Hash();
      parts = [];
      if (name === wanted?.name && entry.kind === "file" && entry.sizeBytes > wanted.maxBytes) {
        throw new BangerError(
          "unsafe-archive",
          `${file}: ${name} is ${entry.sizeBytes} bytes, at most ${wanted.maxBytes} are expected`,
        );
      }
    },
    data: (chunk) => {
      if (name.includes("/")) return;
      hash.update(chunk);
      if (name === wanted?.name) parts.push(chunk.slice());
    },
    endOfFile: () => {
      if (name.includes("/")) return;
      digests.set(name, hash.digest());
      if (name === wanted?.name) text = textOf(parts);
    },
  });
  const unpackedBytes = await readBundle(file, (chunk) => {
    reader.push(chunk);
  });
  reader.end();
  return { unpackedBytes, digests, text };
}

function textOf(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
