import * as fs from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import {
  fileMode,
  guard,
  isRandomName,
  isTemporaryName,
  listNames,
  lookAt,
  lookThrough,
  makeFolder,
  realPath,
  removeFile,
  removeTree,
  replaceFile,
  syncFolder,
} from "./files.ts";
import { letSignalsIn } from "./clock.ts";
import { Sha256Hash, sha256Of } from "./hash.ts";
import { HeldFile } from "./held-file.ts";
import { FileLock, type LockOptions } from "./lock.ts";
import { PartFile } from "./part-file.ts";

const lockName = ".banger-lock";
const partsName = ".banger-parts";

/**
 * Where a folder is that may have to be made, links followed. The folder above it must be there: a
 * stick that is not mounted must not become a folder of that name.
 *
 * @throws {BangerError} `io`, also when something else than a folder has that name.
 */
export function placeOfFolder(folder: string): string {
  const absolute = path.resolve(folder);
  const there = lookThrough(absolute);
  if (there === undefined) {
    const above = path.dirname(absolute);
    if (lookAt(absolute) !== undefined || lookThrough(above)?.isDirectory() !== true) {
      throw new BangerError("io", `cannot write ${absolute}: there is no folder ${above}`, {
        hint: "name a folder that is there, or one to be made within a folder that is there",
      });
    }
    return path.join(realPath(above), path.basename(absolute));
  }
  if (!there.isDirectory()) {
    throw new BangerError("io", `cannot write to ${absolute}: it is not a folder`);
  }
  return realPath(absolute);
}

/**
 * A folder that everybody may read while it is written to: each file is the old one or the new one,
 * whole and durable. Files that nobody asked about are left alone.
 */
export class PublicFolder {
  readonly root: string;
  readonly #lock: FileLock;

  private constructor(root: string, lock: FileLock) {
    this.root = root;
    this.#lock = lock;
  }

  /**
   * Makes the folder when it is missing, and keeps other writers out until {@link release}.
   *
   * @param root from {@link placeOfFolder}.
   * @throws {BangerError} `io`, `no-space`; the signal's reason.
   */
  static async hold(root: string, options: Omit<LockOptions, "wait">): Promise<PublicFolder> {
    makeFolder(root);
    const lock = await FileLock.acquire(path.join(root, lockName), { ...options, wait: true });
    return new PublicFolder(root, lock);
  }

  /** Where a file of the folder is. */
  at(key: string): string {
    return path.join(this.root, key);
  }

  /** Makes a folder within. @throws {BangerError} `refused`, when something else is there; `io` */
  makeInner(name: string): void {
    this.checkInner(name);
    makeFolder(this.at(name));
  }

  /** Looks at what may be a folder within. @throws {BangerError} `refused`, when it is something else; `io` */
  checkInner(name: string): void {
    const folder = this.at(name);
    if (lookAt(folder)?.isDirectory() === false) {
      throw new BangerError("refused", `${folder} is not a folder`, {
        hint: `move it away: mv ${folder} ${folder}.old`,
      });
    }
  }

  /** Removes what somebody who was killed was writing to the root, or to a folder within. @throws `io` */
  sweep(inner: string): void {
    const folder = path.join(this.root, inner);
    if (lookAt(folder)?.isDirectory() !== true) return;
    for (const name of listNames(folder)) {
      if (isTemporaryName(name) && isRandomName(name.slice(".tmp-".length))) {
        removeFile(path.join(folder, name));
      }
    }
  }

  /**
   * Whether the folder has these very bytes under a name. Reads all of the file; a link does not
   * count.
   *
   * @param onBytes is told how many bytes were read.
   * @throws {BangerError} `io`; the signal's reason.
   */
  async has(
    key: string,
    { sha256, sizeBytes }: { readonly sha256: Sha256; readonly sizeBytes: number },
    options: { readonly signal: AbortSignal; readonly onBytes: (doneBytes: number) => void },
  ): Promise<boolean> {
    using held = HeldFile.open(this.at(key));
    if (held === undefined || held.sizeBytes !== sizeBytes) return false;
    const hash = new Sha256Hash();
    let doneBytes = 0;
    for (const chunk of held.chunks(sizeBytes)) {
      hash.update(chunk);
      doneBytes += chunk.length;
      options.onBytes(doneBytes);
      await letSignalsIn();
      options.signal.throwIfAborted();
    }
    if (hash.digest() !== sha256) return false;
    this.#open(held, key);
    return true;
  }

  /** The bytes of a small file; undefined when there is none. @throws {BangerError} `io` */
  read(key: string, maxBytes: number): Uint8Array | undefined {
    using held = HeldFile.open(this.at(key));
    return held === undefined || held.sizeBytes > maxBytes ? undefined : held.head(held.sizeBytes);
  }

  /** Puts a small file in place. @returns false when it is there already. @throws {BangerError} `io`, `no-space` */
  put(key: string, bytes: Uint8Array): boolean {
    using held = HeldFile.open(this.at(key));
    if (held?.sizeBytes === bytes.length && held.digest() === sha256Of(bytes)) {
      this.#open(held, key);
      return false;
    }
    replaceFile(this.at(key), bytes);
    return true;
  }

  /** How much is there of a download that goes on. @throws {BangerError} `io` */
  partBytes(sha256: Sha256): number {
    return lookAt(this.#partOf(sha256))?.size ?? 0;
  }

  /**
   * Brings a file in by way of a part file, which stays for a later run when `fill` fails.
   *
   * @param fill gets the bytes, and vouches for them.
   * @throws {BangerError} `io`, `no-space`; what `fill` throws.
   */
  async bring(key: string, sha256: Sha256, fill: (part: PartFile) => Promise<void>): Promise<void> {
    this.makeInner(partsName);
    const part = PartFile.open(this.#partOf(sha256));
    try {
      await fill(part);
      part.publish(this.at(key));
    } finally {
      part.close();
    }
  }

  /** Removes a file. @throws {BangerError} `io` */
  remove(key: string): void {
    removeFile(this.at(key));
    syncFolder(path.dirname(this.at(key)));
  }

  /** The names in the root. @throws {BangerError} `io` */
  names(): string[] {
    return listNames(this.root);
  }

  /** Drops the part files: all that was wanted is there. @throws {BangerError} `io` */
  dropParts(): void {
    const parts = this.at(partsName);
    if (lookAt(parts)?.isDirectory() === true) removeTree(parts);
  }

  /** Lets others write. */
  release(): void {
    this.#lock.release();
  }

  #partOf(sha256: Sha256): string {
    return path.join(this.root, partsName, `${sha256}.part`);
  }

  /** Whoever serves the folder may be another user. */
  #open({ descriptor }: HeldFile, key: string): void {
    guard(`cannot make ${this.at(key)} readable`, () => {
      if ((fs.fstatSync(descriptor).mode & 0o777) !== fileMode) fs.fchmodSync(descriptor, fileMode);
    });
  }
}
