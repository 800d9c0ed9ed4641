import * as fs from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import { errnoOf, fileError, guard } from "./files.ts";
import { Sha256Hash } from "./hash.ts";
import { HeldFile } from "./held-file.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
const chunkBytes = 1 << 20;
const hashChunkBytes = 256 << 10;

/** Something in a tree, by its path relative to the root of the tree. */
export type TreeItem =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "other"; readonly path: string };

/**
 * Lists a tree, parents before children, names sorted; links are listed and never followed.
 *
 * @throws {BangerError} `io`.
 */
export function* walkTree(root: string, folder = ""): Generator<TreeItem, void> {
  const absolute = path.join(root, folder);
  const entries = guard(`cannot read the folder ${absolute}`, () =>
    fs.readdirSync(absolute, { withFileTypes: true }),
  );
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const relative = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      yield { kind: "folder", path: relative };
      yield* walkTree(root, relative);
    } else {
      yield itemAt(root, relative, entry);
    }
  }
}

function itemAt(root: string, relative: string, entry: fs.Dirent): TreeItem {
  const absolute = path.join(root, relative);
  return guard(`cannot look at ${absolute}`, () => {
    if (entry.isSymbolicLink()) {
      return { kind: "link", path: relative, target: fs.readlinkSync(absolute) };
    }
    if (!entry.isFile()) return { kind: "other", path: relative };
    return { kind: "file", path: relative, sizeBytes: fs.lstatSync(absolute).size };
  });
}

/** The size, and the moment of the last change to content or attributes, of a regular file. */
export interface FileStamp {
  readonly sizeBytes: number;
  readonly changedNs: bigint;
}

/** The stamp of a regular file; undefined when there is none of that name. */
export function stampOf(file: string): FileStamp | undefined {
  const stats = guard(`cannot look at ${file}`, () =>
    fs.lstatSync(file, { bigint: true, throwIfNoEntry: false }),
  );
  if (stats?.isFile() !== true) return undefined;
  return { sizeBytes: Number(stats.size), changedNs: stats.ctimeNs };
}

/**
 * Makes this moment the last change of a file, without changing it.
 *
 * @returns false when there is no such file.
 * @throws {BangerError} `io`
 */
export function touch(file: string): boolean {
  const present = new Date();
  try {
    fs.utimesSync(file, present, present);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw fileError(`cannot touch ${file}`, error);
  }
}

/**
 * Reads a regular file once from start to end, never through a link.
 *
 * @throws {BangerError} `io`.
 */
export function readChunks(file: string, onChunk: (chunk: Uint8Array) => void): void {
  let descriptor: number;
  try {
    // A named pipe would keep us waiting for somebody who writes.
    descriptor = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    throw fileError(`cannot read ${file}`, error);
  }
  try {
    if (!guard(`cannot look at ${file}`, () => fs.fstatSync(descriptor)).isFile()) {
      throw new BangerError("io", `cannot read ${file}: it is not a regular file`);
    }
    readAll(descriptor, file, Buffer.allocUnsafe(chunkBytes), onChunk);
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * @param buffer holds what `onChunk` gets, until the next.
 * @param enoughBytes ends it before the file does: it may be growing.
 */
function readAll(
  descriptor: number,
  file: string,
  buffer: Buffer,
  onChunk: (chunk: Uint8Array) => void,
  enoughBytes: number = Infinity,
): void {
  for (let readBytes = 0; readBytes <= enoughBytes;) {
    const count = guard(`cannot read ${file}`, () => fs.readSync(descriptor, buffer));
    if (count === 0) return;
    onChunk(buffer.subarray(0, count));
    readBytes += count;
  }
}

/** What all files are hashed through: memory that is new each time costs as much as the reading. */
let hashBuffer: Buffer | undefined;

/**
 * The SHA-256 of a regular file; undefined when there is none of that name.
 *
 * @param sizeBytes what it must have: of a file of another size nothing is read, and the answer is undefined.
 * @throws {BangerError} `io`
 */
export function hashFile(file: string, sizeBytes?: number): Sha256 | undefined {
  using held = HeldFile.open(file);
  if (held === undefined) return undefined;
  if (sizeBytes !== undefined && held.sizeBytes !== sizeBytes) return undefined;
  hashBuffer ??= Buffer.allocUnsafe(hashChunkBytes);
  const hash = new Sha256Hash();
  readAll(held.descriptor, file, hashBuffer, (chunk) => hash.update(chunk), sizeBytes);
  return hash.digest();
}

/** The SHA-256 of the first bytes of a file, or of all when it is shorter. @throws {BangerError} `io` */
export function hashStart(file: string, sizeBytes: number): Sha256 {
  const hash = new Sha256Hash();
  let leftBytes = sizeBytes;
  readChunks(file, (chunk) => {
    hash.update(chunk.subarray(0, leftBytes));
    leftBytes -= Math.min(leftBytes, chunk.length);
  });
  return hash.digest();
}
