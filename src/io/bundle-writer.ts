import { createHash } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { constants, createZstdCompress, type ZstdCompress } from "node:zlib";
import { BangerError } from "../core/errors.ts";
import { isSha256, type Sha256 } from "../core/sha256.ts";
import type { TarEntry } from "../core/tar-header.ts";
import { endOfArchive, tarHeader, tarPadding } from "../core/tar-writer.ts";
import { ZstdFrames } from "../core/zstd-frames.ts";
import { fileError, fileMode, guard, randomName, syncFolder } from "./files.ts";
import { writeAll } from "./staged-tree.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;
const chunkBytes = 1 << 20;
/** 8 MiB: a larger window makes kernels 0.1 % smaller and every reader hold four times the memory. */
const windowLog = 23;

/** A tarball as it was written. */
export interface WrittenBundle {
  readonly file: string;
  readonly sha256: Sha256;
  /** Bytes of the tarball. */
  readonly sizeBytes: number;
  /** Bytes of the tar stream within. */
  readonly unpackedBytes: number;
}

/**
 * Writes a tree as a tarball: one zstd frame of level 19 that tells its size and carries a checksum.
 * The same entries and contents give the same bytes, with the same Bun; nothing else of the files counts.
 *
 * @param root the folder that the paths of the entries are relative to.
 * @param entries parents first.
 * @param nameOf the name of the file, which may depend on its hash; a file of that name is replaced.
 * @throws {BangerError} `io`, also when a file changes meanwhile; `no-space`; `unsafe-archive`; the
 * signal's reason. Nothing is left then.
 */
export async function writeBundle(
  root: string,
  entries: readonly TarEntry[],
  folder: string,
  nameOf: (sha256: Sha256) => string,
  signal: AbortSignal,
): Promise<WrittenBundle> {
  const temporary = path.join(folder, `.tmp-${randomName()}`);
  const unpackedBytes = tarBytes(entries);
  try {
    const { sha256, sizeBytes } = await compress(
      abortable(tarChunks(root, entries), signal),
      unpackedBytes,
      temporary,
    );
    const file = path.join(folder, nameOf(sha256));
    guard(`cannot write ${file}`, () => {
      fs.renameSync(temporary, file);
    });
    syncFolder(folder);
    return { file, sha256, sizeBytes, unpackedBytes };
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    signal.throwIfAborted();
    throw fileError(`cannot write the tarball in ${folder}`, error);
  }
}

function* abortable(
  chunks: Iterable<Uint8Array>,
  signal: AbortSignal,
): Generator<Uint8Array, void> {
  for (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
  }
}

function tarBytes(entries: readonly TarEntry[]): number {
  return entries.reduce((total, entry) => {
    const contentBytes = entry.kind === "file" ? entry.sizeBytes : 0;
    return total + tarHeader(entry).length + contentBytes + tarPadding(contentBytes).length;
  }, endOfArchive().length);
}

function* tarChunks(root: string, entries: readonly TarEntry[]): Generator<Uint8Array, void> {
  for (const entry of entries) {
    yield tarHeader(entry);
    if (entry.kind !== "file") continue;
    yield* fileChunks(path.join(root, entry.path), entry.sizeBytes);
    yield tarPadding(entry.sizeBytes);
  }
  yield endOfArchive();
}

function* fileChunks(file: string, sizeBytes: number): Generator<Uint8Array, void> {
  const doing = `cannot read ${file}`;
  const descriptor = guard(doing, () => fs.openSync(file, O_RDONLY | O_NOFOLLOW));
  try {
    let readBytes = 0;
    for (;;) {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      const count = guard(doing, () => fs.readSync(descriptor, buffer));
      readBytes += count;
      if (readBytes > sizeBytes || (count === 0 && readBytes < sizeBytes)) {
        throw new BangerError("io", `${doing}: its size changed meanwhile`);
      }
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

async function compress(
  chunks: Iterable<Uint8Array>,
  totalBytes: number,
  file: string,
): Promise<{ readonly sha256: Sha256; readonly sizeBytes: number }> {
  const encoder = createZstdCompress({
    pledgedSrcSize: totalBytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: 19,
      [constants.ZSTD_c_windowLog]: windowLog,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
  });
  const hash = createHash("sha256");
  const frames = new ZstdFrames({ windowBytes: 2 ** windowLog });
  let sizeBytes = 0;
  const descriptor = fs.openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode);
  try {
    await Promise.all([
      feed(encoder, chunks),
      drain(encoder, (chunk) => {
        writeAll(descriptor, chunk);
        hash.update(chunk);
        frames.push(chunk);
        sizeBytes += chunk.length;
      }),
    ]);
    fs.fsyncSync(descriptor);
  } finally {
    encoder.destroy();
    fs.closeSync(descriptor);
  }
  const summary = frames.end();
  if (summary.frames !== 1 || summary.contentBytes !== totalBytes || !summary.checksummed) {
    throw new Error(`zstd wrote ${JSON.stringify(summary)}`);
  }
  const sha256 = hash.digest("hex");
  if (!isSha256(sha256)) throw new Error("a SHA-256 is 64 digits");
  return { sha256, sizeBytes };
}

/**
 * Writes the chunks one by one, each after the one before is taken: an end that finds writes in the
 * queue makes the encoder add an empty second frame.
 *
 * @see https://github.com/nodejs/node/issues/66078
 */
async function feed(encoder: ZstdCompress, chunks: Iterable<Uint8Array>): Promise<void> {
  try {
    for (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        encoder.write(chunk, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    }
    encoder.end();
  } catch (error) {
    encoder.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
}

async function drain(encoder: ZstdCompress, take: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of encoder) {
    if (!(chunk instanceof Uint8Array)) throw new Error("zstd gives bytes");
    take(chunk);
  }
}
