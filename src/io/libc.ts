/**
 * The two calls of the C library that no `node:*` module offers. This is the only file that needs
 * Bun itself; on another runtime it is the one to replace.
 */

/** @see flock(2) */
export const lockShared = 1;
export const lockExclusive = 2;

const lockNonBlocking = 4;

interface Libc {
  readonly flock: (descriptor: number, operation: number) => number;
  readonly syncfs: (descriptor: number) => number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded === undefined) {
    // Loaded on first use: commands that only read pay nothing for it.
    // oxlint-disable-next-line typescript/no-require-imports -- synchronous and lazy; an import is neither
    const { dlopen }: typeof import("bun:ffi") = require("bun:ffi");
    const library = dlopen("libc.so.6", {
      flock: { args: ["i32", "i32"], returns: "i32" },
      syncfs: { args: ["i32"], returns: "i32" },
    });
    loaded = library.symbols;
  }
  return loaded;
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
