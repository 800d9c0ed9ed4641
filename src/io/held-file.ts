import * as fs from "node:fs";
import path from "node:path";
import type { Sha256 } from "../core/sha256.ts";
import { errnoOf, fileError, guard, randomName } from "./files.ts";
import { Sha256Hash } from "./hash.ts";
import { fill, readWhole } from "./read-range.ts";
import { writeAll } from "./staged-tree.ts";

/** What open says where there is no file of that name: nothing, a file for a folder, a link, a socket. */
const noFileThere: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;
const chunkBytes = 1 << 20;

/** An open file: it stays the same file, whatever is put in the place of its name. */
export class HeldFile implements Disposable {
  readonly descriptor: number;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Opens a regular file to read, never through a link. @returns undefined when there is none. @throws `io` */
  static open(file: string): HeldFile | undefined {
    let descriptor: number;
    try {
      // A pipe that takes its place would keep us waiting.
      descriptor = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== undefined && noFileThere.has(errno)) return undefined;
      throw fileError(`cannot read ${file}`, error);
    }
    if (fs.fstatSync(descriptor).isFile()) return new HeldFile(descriptor);
    fs.closeSync(descriptor);
    return undefined;
  }

  /** Makes a new file without a name on the filesystem of `folder`. @throws `io`, `no-space` */
  static nameless(folder: string): HeldFile {
    const file = path.join(folder, `.tmp-${randomName()}`);
    return guard(`cannot write to ${folder}`, () => {
      const descriptor = fs.openSync(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      fs.unlinkSync(file);
      return new HeldFile(descriptor);
    });
  }

  /** A nameless copy of a small file, also of one within the executable. @throws `io`, `no-space` */
  static copyOf(file: string, folder: string): HeldFile {
    const held = HeldFile.nameless(folder);
    held.write(readWhole(file));
    return held;
  }

  /** The file behind another's descriptor, to read from its start. @throws `io` */
  static again(descriptor: number): HeldFile {
    return guard("cannot open a file again", () => {
      return new HeldFile(fs.openSync(`/proc/self/fd/${descriptor}`, O_RDONLY));
    });
  }

  /** Writes where the file stands. @throws `io`, `no-space` */
  write(bytes: Uint8Array): void {
    guard("cannot write a temporary file", () => {
      writeAll(this.descriptor, bytes);
    });
  }

  /** What changes when somebody writes to the file; links to it do not count. @throws `io` */
  get stamp(): string {
    const { size, mtimeNs } = guard("cannot look at a file", () =>
      fs.fstatSync(this.descriptor, { bigint: true }),
    );
    return `${size} ${mtimeNs}`;
  }

  get sizeBytes(): number {
    return fs.fstatSync(this.descriptor).size;
  }

  /** Up to `length` bytes of the start. @throws `io` */
  head(length: number): Uint8Array {
    return this.range(0, length);
  }

  /** `length` bytes from `offset` on; fewer when it ends. @throws `io` */
  range(offset: number, length: number): Uint8Array {
    const buffer = new Uint8Array(length);
    const count = guard("cannot read a file", () => fill(this.descriptor, buffer, offset));
    return buffer.subarray(0, count);
  }

  /** The first `sizeBytes` bytes in order; a chunk is good until the next. @throws `io` */
  *chunks(sizeBytes: number): Generator<Uint8Array, void> {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (let position = 0; position < sizeBytes;) {
      const at = position;
      const wantedBytes = Math.min(chunkBytes, sizeBytes - position);
      const count = guard("cannot read a file", () =>
        fs.readSync(this.descriptor, buffer, 0, wantedBytes, at),
      );
      if (count === 0) return;
      yield buffer.subarray(0, count);
      position += count;
    }
  }

  /** Of the whole file. @throws `io` */
  digest(): Sha256 {
    const hash = new Sha256Hash();
    for (const chunk of this.chunks(Infinity)) hash.update(chunk);
    return hash.digest();
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.descriptor);
  }
}
