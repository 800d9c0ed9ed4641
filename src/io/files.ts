import * as fs from "node:fs";
import path from "node:path";
import { BangerError, type ErrorCode } from "../core/errors.ts";

/** Permissions of what banger installs: readable by all, writable by the owner. */
export const fileMode = 0o644;
export const directoryMode = 0o755;
/** Permissions of what is not yet proven: nobody else may look in or reach in. */
export const privateMode = 0o700;
/** How names begin that are not meant to last. */
export const temporaryPrefix = ".tmp-";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;

const errnoWords: ReadonlyMap<string, readonly [ErrorCode, string, string?]> = new Map([
  ["ENOSPC", ["no-space", "the disk is full", "free some space, then run the same command again"]],
  [
    "EDQUOT",
    ["no-space", "the disk quota is used up", "free some space, then run the same command again"],
  ],
  [
    "EFBIG",
    ["no-space", "files may not grow that large here", "raise the limit: ulimit -f unlimited"],
  ],
  ["EACCES", ["io", "permission denied", "see who may use it, with its path: namei -l"]],
  ["EPERM", ["io", "operation not permitted", "see whose it is: ls -ld, and lsattr -d"]],
  ["EROFS", ["io", "the filesystem is read-only", "see what is mounted there: findmnt -T"]],
  [
    "EIO",
    ["io", "the disk reports an input/output error", "check the disk (dmesg) before you try again"],
  ],
  ["ENOENT", ["io", "no such file or folder"]],
  ["ENOTDIR", ["io", "a part of the path is not a folder"]],
  ["EISDIR", ["io", "it is a folder"]],
  ["ELOOP", ["io", "symbolic links lead in a circle, or one stands where none may be"]],
  ["EEXIST", ["io", "it exists already"]],
  ["EMFILE", ["io", "too many open files", "raise the limit: ulimit -n 4096"]],
  ["ENAMETOOLONG", ["io", "the path is too long"]],
  ["ENOTEMPTY", ["io", "the folder is not empty"]],
]);

/** The errno of an exception of node:fs, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/**
 * Turns an exception of node:fs into a {@link BangerError} that says what was being done.
 *
 * @param doing such as `cannot read /etc/passwd`.
 */
export function fileError(doing: string, error: unknown): BangerError {
  if (error instanceof BangerError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  const [code, words, hint] = errnoWords.get(errno) ?? ["io", errno];
  return new BangerError(code, `${doing}: ${words}`, { hint, cause: error });
}

/** Runs `work`; what node:fs throws becomes a {@link BangerError}. */
export function guard<Result>(doing: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw fileError(doing, error);
  }
}

/**
 * The text of a regular file, or undefined when there is no such file.
 *
 * @throws {BangerError} `io`; `bad-state`, when it is too large, or no regular file: reading a pipe or
 * a device may never end.
 */
export function readText(file: string, maxBytes: number): string | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fileError(`cannot read ${file}`, error);
  }
  try {
    const stats = fs.fstatSync(descriptor);
    const { size } = stats;
    if (stats.isDirectory()) {
      throw new BangerError("io", `cannot read ${file}: it is a folder`);
    }
    if (!stats.isFile()) {
      throw new BangerError("bad-state", `cannot read ${file}: it is not a regular file`);
    }
    if (size > maxBytes) {
      throw new BangerError(
        "bad-state",
        `cannot read ${file}: it is ${size} bytes, at most ${maxBytes} are expected`,
      );
    }
    return guard(`cannot read ${file}`, () => fs.readFileSync(descriptor, "utf8"));
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Names in a folder, sorted; none when it does not exist. @throws `io` */
export function listNames(directory: string): string[] {
  try {
    return fs.readdirSync(directory).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw fileError(`cannot read the folder ${directory}`, error);
  }
}

/** What stands at `file`, links not followed; undefined when nothing does. @throws `io` */
export function lookAt(file: string): fs.Stats | undefined {
  return guard(`cannot look at ${file}`, () => fs.lstatSync(file, { throwIfNoEntry: false }));
}

/** What `file` leads to, links followed; undefined when it leads nowhere. @throws `io` */
export function lookThrough(file: string): fs.Stats | undefined {
  return guard(`cannot look at ${file}`, () => fs.statSync(file, { throwIfNoEntry: false }));
}

/** The target of a symbolic link; undefined when there is no link of that name. */
export function linkTarget(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "EINVAL") return undefined;
    throw fileError(`cannot read the link ${file}`, error);
  }
}

/** The real path of an existing file or folder. @throws `io` */
export function realPath(file: string): string {
  return guard(`cannot resolve ${file}`, () => fs.realpathSync.native(file));
}

/** Makes a folder and its parents; one that is there already is left as it is. @throws `io`, `no-space` */
export function makeFolder(directory: string, mode: number = directoryMode): void {
  guard(`cannot make the folder ${directory}`, () =>
    fs.mkdirSync(directory, { recursive: true, mode }),
  );
}

/** Makes the entries of a folder durable. Not tried again after a failure. @throws `io` */
export function syncFolder(directory: string): void {
  guard(`cannot make ${directory} durable`, () => {
    const descriptor = fs.openSync(directory, O_RDONLY | O_DIRECTORY);
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** Renames within one filesystem; replaces a file or link of the new name. @throws `io` */
export function rename(from: string, to: string): void {
  guard(`cannot move ${from} to ${to}`, () => fs.renameSync(from, to));
}

/** Removes a file or link; nothing happens when it is gone already. @throws `io` */
export function removeFile(file: string): void {
  guard(`cannot remove ${file}`, () => {
    try {
      fs.unlinkSync(file);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  });
}

/** Removes a file where an error is already on its way; what stays is swept later. */
export function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch {
    // The error that led here is the one to report.
  }
}

/** Removes a folder and all in it; links are removed, never followed. @throws `io` */
export function removeTree(directory: string): void {
  guard(`cannot remove ${directory}`, () => fs.rmSync(directory, { recursive: true, force: true }));
}

/**
 * Puts a file in place so that a crash leaves the old one or the new one, never a torn one.
 *
 * @throws `io`, `no-space`; the old file is then still there.
 */
export function replaceFile(file: string, content: string | Uint8Array): void {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `${temporaryPrefix}${randomName()}`);
  guard(`cannot write ${file}`, () => {
    try {
      const descriptor = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode);
      try {
        fs.writeFileSync(descriptor, content);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
      fs.renameSync(temporary, file);
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
  });
  syncFolder(folder);
}

/**
 * Points a symbolic link elsewhere, or makes it, so that it always leads to the old or the new
 * target.
 *
 * @throws `io`, `no-space`; the old link is then still there.
 */
export function replaceLink(link: string, target: string): void {
  const folder = path.dirname(link);
  const temporary = path.join(folder, `${temporaryPrefix}${randomName()}`);
  guard(`cannot point ${link} to ${target}`, () => {
    try {
      fs.symlinkSync(target, temporary);
      fs.renameSync(temporary, link);
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
  });
  syncFolder(folder);
}

/** Removes what was left by those who died in {@link replaceFile} or {@link replaceLink}. @throws `io` */
export function removeTemporaryFiles(folder: string): void {
  for (const name of listNames(folder)) {
    if (isTemporaryName(name)) removeFile(path.join(folder, name));
  }
}

/** Whether a name is one of those that an interrupted {@link replaceFile} or {@link replaceLink} leaves. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(temporaryPrefix);
}

/**
 * Runs `work` with a path to a folder that stays the same folder, whatever is put in its place
 * meanwhile, and that was never reached through a link of its own name.
 *
 * @throws {BangerError} `io`, also when the folder is a link; and what `work` throws.
 */
export function insideFolder<Result>(directory: string, work: (inside: string) => Result): Result {
  const descriptor = guard(`cannot open the folder ${directory}`, () =>
    fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
  );
  try {
    return work(`/proc/self/fd/${descriptor}`);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Whether a name is one that {@link randomName} made. */
export function isRandomName(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name);
}

/** 16 hexadecimal digits that nobody can guess. */
export function randomName(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
}

/** Bytes that the user may still write on the filesystem of `directory`. @throws `io` */
export function freeBytes(directory: string): number {
  return guard(`cannot look at the disk of ${directory}`, () => {
    const { bavail, bsize } = fs.statfsSync(directory);
    return bavail * bsize;
  });
}
