import * as fs from "node:fs";
import { BangerError } from "../core/errors.ts";
import { guard } from "./files.ts";
import { closeWritten, startWriting, syncFileSystem } from "./libc.ts";

/** Up to this many files are made durable one by one; more of them in one pass over the disk. */
const maxSingleSyncs = 16;

interface WrittenFile {
  readonly path: string;
  readonly descriptor: number;
}

/**
 * Files of one tree that were written and are to be durable.
 *
 * The disk begins with each as soon as it is written. Few of them stay open until the end, for an fsync
 * each: by then there is little left to wait for.
 */
export class WrittenFiles {
  readonly #root: string;
  #count = 0;
  #open: WrittenFile[] = [];

  /** @param root where errors say that the files are. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Takes over the descriptor of a file that was written. @throws `io`, `no-space` */
  add(path: string, descriptor: number): void {
    startWriting(descriptor);
    this.#count += 1;
    this.#open.push({ path, descriptor });
    if (this.#count > maxSingleSyncs) this.#closeAll();
  }

  /**
   * Makes the files durable, and with them the folders of the tree.
   *
   * @param rootDescriptor of a folder on the same filesystem.
   * @param syncFolders makes the folders durable, one by one; called only where the files are few.
   * @throws {BangerError} `io`, `no-space`. Not to be tried again then.
   */
  sync(rootDescriptor: number, syncFolders: () => void): void {
    if (this.#count > maxSingleSyncs) {
      if (syncFileSystem(rootDescriptor)) return;
      throw new BangerError("io", `cannot make ${this.#root} durable: the disk reports an error`, {
        hint: "check the disk (dmesg) before you try again",
      });
    }
    for (const { path, descriptor } of this.#open) {
      this.#guard(path, () => {
        fs.fsyncSync(descriptor);
      });
    }
    this.#closeAll();
    syncFolders();
  }

  /** Gives the descriptors back that are still open. */
  discard(): void {
    for (const { descriptor } of this.#open.splice(0)) fs.closeSync(descriptor);
  }

  #closeAll(): void {
    for (let file = this.#open.shift(); file !== undefined; file = this.#open.shift()) {
      const { path, descriptor } = file;
      this.#guard(path, () => {
        closeWritten(descriptor);
      });
    }
  }

  #guard(path: string, work: () => void): void {
    guard(`cannot write ${this.#root}/${path}`, work);
  }
}
