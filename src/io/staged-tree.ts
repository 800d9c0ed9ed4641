import * as fs from "node:fs";
import path from "node:path";
import { manifestFileName, type ManifestFile, type ManifestLink } from "../core/manifest.ts";
import { directoryMode, errnoOf, fileError, fileMode, guard, lookAt, removeTree } from "./files.ts";
import { Sha256Hash } from "./hash.ts";
import { lockExclusive, tryLock } from "./libc.ts";
import { WrittenFiles } from "./written-files.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;
const newFile = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

interface OpenFolder {
  readonly name: string;
  readonly descriptor: number;
}

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly hash: Sha256Hash;
  sizeBytes: number;
}

/**
 * A tree of files that is being written and that nobody sees yet.
 *
 * Every component of every path is opened from the descriptor of the folder above it and never
 * through a link, so that nothing swapped into the tree meanwhile can lead a write outside. Files
 * are made new, hashed while they are written, and are durable after {@link seal}.
 */
export class StagedTree {
  readonly files: ManifestFile[] = [];
  readonly links: ManifestLink[] = [];
  readonly #root: string;
  readonly #rootDescriptor: number;
  readonly #folders: string[] = [];
  readonly #written: WrittenFiles;
  #open: OpenFolder[] = [];
  #file: OpenFile | undefined;
  #closed = false;

  private constructor(root: string, rootDescriptor: number) {
    this.#root = root;
    this.#rootDescriptor = rootDescriptor;
    this.#written = new WrittenFiles(root);
  }

  /**
   * Makes the folder `root`, which must not exist, and locks it: a staged tree whose lock is free
   * was left by a process that died.
   *
   * @returns undefined when somebody swept the new folder away before it was locked.
   * @throws {BangerError} `io`, `no-space`.
   */
  static create(root: string): StagedTree | undefined {
    let descriptor: number;
    try {
      fs.mkdirSync(root, { mode: directoryMode });
      descriptor = fs.openSync(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw fileError(`cannot make the folder ${root}`, error);
    }
    if (tryLock(descriptor, lockExclusive) && fs.lstatSync(root, { throwIfNoEntry: false })) {
      return new StagedTree(root, descriptor);
    }
    fs.closeSync(descriptor);
    return undefined;
  }

  /** Whether it is this very tree that stands at `directory`, and nothing put in its place. */
  isAt(directory: string): boolean {
    const there = lookAt(directory);
    const ours = fs.fstatSync(this.#rootDescriptor);
    return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
  }

  get root(): string {
    return this.#root;
  }

  /** Makes a folder; its parent must have been made before. @throws `io`, `no-space` */
  addFolder(folderPath: string): void {
    this.#guard(folderPath, () => {
      fs.mkdirSync(this.#at(folderPath), { mode: directoryMode });
    });
    this.#folders.push(folderPath);
  }

  /** Makes a symbolic link. @throws `io`, `no-space` */
  addLink(linkPath: string, target: string): void {
    this.#guard(linkPath, () => {
      fs.symlinkSync(target, this.#at(linkPath));
    });
    this.links.push({ path: linkPath, target });
  }

  /** Begins a file; its bytes follow through {@link write}. @throws `io`, `no-space` */
  beginFile(filePath: string): void {
    const descriptor = this.#guard(filePath, () =>
      fs.openSync(this.#at(filePath), newFile, fileMode),
    );
    this.#file = { path: filePath, descriptor, hash: new Sha256Hash(), sizeBytes: 0 };
  }

  /** Adds bytes to the file that was begun. @throws `io`, `no-space` */
  write(chunk: Uint8Array): void {
    const file = this.#current();
    file.hash.update(chunk);
    this.#guard(file.path, () => {
      writeAll(file.descriptor, chunk);
    });
    file.sizeBytes += chunk.length;
  }

  /** Ends the file that was begun. @throws `io`, `no-space` */
  endFile(): void {
    const file = this.#handOver();
    this.files.push({ path: file.path, size_bytes: file.sizeBytes, sha256: file.hash.digest() });
  }

  /**
   * Writes the manifest as the last file of all and makes the whole tree durable.
   *
   * @throws {BangerError} `io`, `no-space`: the tree must then be discarded, not sealed again.
   */
  seal(manifestText: string): void {
    this.beginFile(manifestFileName);
    this.write(Buffer.from(manifestText));
    this.#handOver();
    this.#written.sync(this.#rootDescriptor, () => {
      for (const folder of this.#folders.toReversed()) {
        this.#guard(folder, () => {
          const descriptor = fs.openSync(this.#at(folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
          try {
            fs.fsyncSync(descriptor);
          } finally {
            fs.closeSync(descriptor);
          }
        });
      }
      guard(`cannot make ${this.#root} durable`, () => {
        fs.fsyncSync(this.#rootDescriptor);
      });
    });
  }

  /** Gives the lock and all descriptors back; the tree stays where it is, or where it was moved to. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#file !== undefined) fs.closeSync(this.#file.descriptor);
    this.#file = undefined;
    this.#written.discard();
    this.#leaveTo(0);
    fs.closeSync(this.#rootDescriptor);
  }

  /**
   * Removes the tree from where it was made; one that was moved away stays. Never throws: what is
   * left is swept by the next command.
   */
  discard(): void {
    try {
      if (this.isAt(this.#root)) removeTree(this.#root);
    } catch {
      // The error that led here is the one to report.
    }
  }

  /** Leaves the file that was begun to those that make it durable. */
  #handOver(): OpenFile {
    const file = this.#current();
    this.#file = undefined;
    this.#written.add(file.path, file.descriptor);
    return file;
  }

  #current(): OpenFile {
    if (this.#file === undefined) throw new Error("no file has been begun");
    return this.#file;
  }

  /** A path to `relative` that goes through the open descriptor of the folder it lies in. */
  #at(relative: string): string {
    const folder = path.posix.dirname(relative);
    const parts = folder === "." ? [] : folder.split("/");
    let depth = 0;
    while (depth < this.#open.length && this.#open[depth]?.name === parts[depth]) depth += 1;
    this.#leaveTo(depth);
    for (const name of parts.slice(depth)) {
      const descriptor = fs.openSync(
        `/proc/self/fd/${this.#deepest()}/${name}`,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      );
      this.#open.push({ name, descriptor });
    }
    return `/proc/self/fd/${this.#deepest()}/${path.posix.basename(relative)}`;
  }

  #deepest(): number {
    return this.#open.at(-1)?.descriptor ?? this.#rootDescriptor;
  }

  #leaveTo(depth: number): void {
    for (const folder of this.#open.splice(depth)) fs.closeSync(folder.descriptor);
  }

  #guard<Result>(relative: string, work: () => Result): Result {
    return guard(`cannot write ${this.#root}/${relative}`, work);
  }
}

/** Writes all of `bytes`, however little a single write takes. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += fs.writeSync(descriptor, bytes, written);
}
