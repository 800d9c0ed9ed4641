/**
 * The calls of the C library that no `node:*` module offers, or not as they are. This is the only
 * file that needs Bun itself; on another runtime it is the one to replace.
 */

import { BangerError } from "../core/errors.ts";

/** @see flock(2) */
export const lockShared = 1;
export const lockExclusive = 2;

const lockNonBlocking = 4;

interface Libc {
  readonly flock: (descriptor: number, operation: number) => number;
  readonly syncfs: (descriptor: number) => number;
  readonly close: (descriptor: number) => number;
  readonly sync_file_range: (
    descriptor: number,
    offset: number,
    bytes: number,
    flags: number,
  ) => number;
  readonly madvise: (start: NodeJS.TypedArray, bytes: number, advice: number) => number;
  readonly renameat2: Renameat2;
  /** The errno of the call before. */
  readonly errno: () => number;
}

type Renameat2 = (
  fromFolder: number,
  from: NodeJS.TypedArray,
  toFolder: number,
  to: NodeJS.TypedArray,
  flags: number,
) => number;

let loaded: Libc | undefined;

function libc(): Libc {
  // Loaded on first use: commands that only read pay nothing for it.
  loaded ??= load();
  return loaded;
}

/** @throws {BangerError} `failed`, where there is not enough memory to map code into. */
function load(): Libc {
  try {
    // oxlint-disable-next-line typescript/no-require-imports -- synchronous and lazy; an import is neither
    const { dlopen, read }: typeof import("bun:ffi") = require("bun:ffi");
    const library = dlopen("libc.so.6", {
      flock: { args: ["i32", "i32"], returns: "i32" },
      syncfs: { args: ["i32"], returns: "i32" },
      close: { args: ["i32"], returns: "i32" },
      sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" },
      madvise: { args: ["ptr", "u64", "i32"], returns: "i32" },
      renameat2: { args: ["i32", "ptr", "i32", "ptr", "u32"], returns: "i32" },
      __errno_location: { args: [], returns: "ptr" },
    });
    const { __errno_location: errnoLocation, ...calls } = library.symbols;
    const errno = (): number => {
      const location = errnoLocation();
      return location === null ? 0 : read.i32(location);
    };
    return { ...calls, errno };
  } catch (cause) {
    throw new BangerError("failed", "the C library cannot be called", {
      hint: "if memory is limited here, lift the limit: ulimit -v unlimited",
      cause,
    });
  }
}

/**
 * Takes a lock on an open file or folder, without waiting. The kernel drops it when the last
 * descriptor is closed, also when the process is killed.
 *
 * @returns whether the lock was free.
 */
export function tryLock(
  descriptor: number,
  kind: typeof lockShared | typeof lockExclusive,
): boolean {
  return libc().flock(descriptor, kind | lockNonBlocking) === 0;
}

/**
 * Makes everything durable that was written to the filesystem that `descriptor` is on.
 *
 * @returns false when the kernel reports that something could not be written.
 * @see syncfs(2)
 */
export function syncFileSystem(descriptor: number): boolean {
  return libc().syncfs(descriptor) === 0;
}

const syncFileRangeWrite = 2;

/**
 * Lets the disk begin with what was written to a file, while more is being made. Makes nothing durable
 * and reports nothing: that is what comes after it for.
 *
 * @see sync_file_range(2), SYNC_FILE_RANGE_WRITE
 */
export function startWriting(descriptor: number): void {
  libc().sync_file_range(descriptor, 0, 0, syncFileRangeWrite);
}

const adviseHugePages = 14;

/**
 * Asks the kernel to back memory with huge pages, now and after it was freed and is used again. It may
 * have none, or be told not to: that is no error.
 *
 * @see madvise(2), MADV_HUGEPAGE
 */
export function preferHugePages(memory: Uint8Array): void {
  libc().madvise(memory, memory.length, adviseHugePages);
}

const errnoNames: ReadonlyMap<number, string> = new Map([
  [5, "EIO"],
  [28, "ENOSPC"],
  [122, "EDQUOT"],
]);

/**
 * Closes a file that was written. Some filesystems tell only now that there was no room;
 * `closeSync` of the runtime keeps that to itself.
 *
 * @throws an error with an errno as its `code`, like those of node:fs.
 * @see close(2), "Dealing with error returns from close()"
 */
export function closeWritten(descriptor: number): void {
  const { close, errno } = libc();
  if (close(descriptor) === 0) return;
  const code = errnoNames.get(errno()) ?? "EIO";
  throw Object.assign(new Error(`${code}: close`), { code });
}

const currentFolder = -100;
const renameExchange = 2;

/**
 * Lets two files, folders or links of one filesystem change places in one step.
 *
 * @returns false when the filesystem cannot do that, or one of them is missing.
 * @see renameat2(2), RENAME_EXCHANGE
 */
export function exchange(one: string, other: string): boolean {
  const [from, to] = [Buffer.from(`${one}\0`), Buffer.from(`${other}\0`)];
  return libc().renameat2(currentFolder, from, currentFolder, to, renameExchange) === 0;
}
