import { isSha256, type Sha256 } from "../core/sha256.ts";
import { hashFile } from "./tree-reader.ts";

const digestBytes = 32;

/** What became of a file. */
const pending = 0;
const hashed = 1;
/** There is no regular file of that name and size. */
const absent = 2;

/** A file to hash, and the size that it must have. */
export interface FileToHash {
  readonly path: string;
  readonly sizeBytes: number;
}

/** What threads share while they hash the same files; it can be posted to another thread. */
export interface SharedTurns {
  readonly files: readonly FileToHash[];
  /** Which file is next, which helper began, and a state for each file: 32-bit numbers. */
  readonly states: SharedArrayBuffer;
  /** 32 bytes for each file. */
  readonly digests: SharedArrayBuffer;
  /** One 64-bit number. */
  readonly doneBytes: SharedArrayBuffer;
}

const nextAt = 0;
const helperAt = 1;
const firstState = 2;

/** Files that are hashed by whoever is free: each thread takes the next, until there is none. */
export class HashTurns {
  readonly shared: SharedTurns;
  readonly #states: Int32Array;
  readonly #digests: Uint8Array;
  readonly #doneBytes: BigInt64Array;

  constructor(shared: SharedTurns) {
    this.shared = shared;
    this.#states = new Int32Array(shared.states);
    this.#digests = new Uint8Array(shared.digests);
    this.#doneBytes = new BigInt64Array(shared.doneBytes);
  }

  static of(files: readonly FileToHash[]): HashTurns {
    return new HashTurns({
      files,
      states: new SharedArrayBuffer(4 * (firstState + files.length)),
      digests: new SharedArrayBuffer(digestBytes * files.length),
      doneBytes: new SharedArrayBuffer(8),
    });
  }

  /** How much has been read, by all threads. */
  get doneBytes(): number {
    return Number(Atomics.load(this.#doneBytes, 0));
  }

  /** Asked by the helper before its first turn. @returns false when it is not waited for any more */
  begin(): boolean {
    return Atomics.compareExchange(this.#states, helperAt, 0, 1) === 0;
  }

  /** Hashes the next file. @returns its size; undefined when there is none left. @throws `io` */
  takeTurn(): number | undefined {
    const index = Atomics.add(this.#states, nextAt, 1);
    const file = this.shared.files[index];
    if (file === undefined) return undefined;
    this.#hash(index, file);
    return file.sizeBytes;
  }

  /** Hashes what another thread took and did not finish. @throws `io` */
  finish(): void {
    for (const [index, file] of this.shared.files.entries()) {
      if (Atomics.load(this.#states, firstState + index) === pending) this.#hash(index, file);
    }
  }

  /** The digest of each file by its path, once all are through; undefined where it is absent. */
  results(): ReadonlyMap<string, Sha256 | undefined> {
    return new Map(this.shared.files.map(({ path }, index) => [path, this.#result(index)]));
  }

  #result(index: number): Sha256 | undefined {
    if (Atomics.load(this.#states, firstState + index) === absent) return undefined;
    const digest = this.#digestAt(index).toHex();
    if (!isSha256(digest)) throw new Error("a SHA-256 is 64 digits");
    return digest;
  }

  #hash(index: number, file: FileToHash): void {
    const digest = hashFile(file.path, file.sizeBytes);
    if (digest !== undefined) this.#digestAt(index).setFromHex(digest);
    Atomics.add(this.#doneBytes, 0, BigInt(file.sizeBytes));
    Atomics.store(this.#states, firstState + index, digest === undefined ? absent : hashed);
  }

  #digestAt(index: number): Uint8Array {
    return this.#digests.subarray(index * digestBytes, (index + 1) * digestBytes);
  }
}
