import * as fs from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { isSendable } from "../core/http-fields.ts";
import type { Sha256 } from "../core/sha256.ts";
import { fileError, fileMode, guard, removeFile, removeQuietly, syncFolder } from "./files.ts";
import { Sha256Hash } from "./hash.ts";
import { writeAll } from "./staged-tree.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = fs.constants;
const chunkBytes = 1 << 20;

/** Which answer of which server the bytes so far are a prefix of. */
export interface PartOrigin {
  readonly url: string;
  /** A strong ETag or a Last-Modified date, for If-Range. */
  readonly validator: string;
}

const originSchema = v.object({
  url: v.string(),
  validator: v.pipe(v.string(), v.check(isSendable)),
});

/**
 * A download that may not be complete, with the hash of what is there. It is private to its owner
 * and must only be opened under the lock of its bundle.
 */
export class PartFile {
  readonly #file: string;
  readonly #originFile: string;
  readonly #descriptor: number;
  #hash: Sha256Hash;
  #sizeBytes: number;
  #origin: PartOrigin | undefined;
  #isClosed = false;

  private constructor(file: string, descriptor: number) {
    this.#file = file;
    this.#originFile = `${file}.origin`;
    this.#descriptor = descriptor;
    this.#hash = new Sha256Hash();
    this.#sizeBytes = 0;
    this.#origin = undefined;
  }

  /**
   * Opens the part file, or makes it. What an earlier download left is hashed again and kept when
   * it says where it came from, else dropped.
   *
   * @throws {BangerError} `io`, `no-space`.
   */
  static open(file: string): PartFile {
    let descriptor: number;
    try {
      // Appending: after a restart the next byte must be the first, wherever reading had come to.
      descriptor = fs.openSync(file, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    } catch (error) {
      throw fileError(`cannot open ${file}`, error);
    }
    const part = new PartFile(file, descriptor);
    part.#origin = part.#readOrigin();
    if (part.#origin === undefined) part.restart();
    else part.#hashPrefix();
    return part;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Where the bytes so far came from; undefined when they cannot be continued. */
  get origin(): PartOrigin | undefined {
    return this.#sizeBytes === 0 ? undefined : this.#origin;
  }

  /** The open file, for reading the very bytes that were hashed. */
  get descriptor(): number {
    return this.#descriptor;
  }

  /** Remembers where the bytes come from, so that a later run can continue. */
  setOrigin(origin: PartOrigin | undefined): void {
    if (this.#origin?.url === origin?.url && this.#origin?.validator === origin?.validator) return;
    this.#origin = origin;
    guard(`cannot write ${this.#originFile}`, () => {
      if (origin === undefined) removeFile(this.#originFile);
      else fs.writeFileSync(this.#originFile, JSON.stringify(origin), { mode: 0o600 });
    });
  }

  /** @throws {BangerError} `io`, `no-space`. */
  append(chunk: Uint8Array): void {
    guard(`cannot write ${this.#file}`, () => {
      writeAll(this.#descriptor, chunk);
    });
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
  }

  /** Forgets all bytes. @throws {BangerError} `io`. */
  restart(): void {
    guard(`cannot empty ${this.#file}`, () => {
      fs.ftruncateSync(this.#descriptor, 0);
    });
    this.#reopenAtStart();
    this.setOrigin(undefined);
  }

  /** The SHA-256 of the bytes so far; more may follow. */
  digest(): Sha256 {
    return this.#hash.digest();
  }

  /**
   * Makes the bytes durable and gives them their final name, on the same filesystem. The file stays
   * open for reading; close it when done.
   *
   * @throws {BangerError} `io`, `no-space`.
   */
  publish(file: string): void {
    guard(`cannot put ${file} in place`, () => {
      fs.fchmodSync(this.#descriptor, fileMode);
      fs.fsyncSync(this.#descriptor);
      fs.renameSync(this.#file, file);
    });
    syncFolder(path.dirname(file));
    removeQuietly(this.#originFile);
  }

  /** Closes the file and leaves it for a later run to continue. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    fs.closeSync(this.#descriptor);
  }

  /** Closes and removes the file. Never throws: what stays is a download to continue, or for gc. */
  remove(): void {
    if (this.#isClosed) return;
    this.close();
    removeQuietly(this.#file);
    removeQuietly(this.#originFile);
  }

  #reopenAtStart(): void {
    this.#hash = new Sha256Hash();
    this.#sizeBytes = 0;
  }

  #hashPrefix(): void {
    guard(`cannot read ${this.#file}`, () => {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      for (;;) {
        const count = fs.readSync(this.#descriptor, buffer);
        if (count === 0) break;
        this.#hash.update(buffer.subarray(0, count));
        this.#sizeBytes += count;
      }
    });
  }

  #readOrigin(): PartOrigin | undefined {
    try {
      const text = fs.readFileSync(this.#originFile, "utf8");
      const parsed = v.safeParse(originSchema, JSON.parse(text));
      return parsed.success ? parsed.output : undefined;
    } catch {
      return undefined;
    }
  }
}
