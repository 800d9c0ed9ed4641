import * as fs from "node:fs";
import path from "node:path";
import {
  fileMode,
  guard,
  listNames,
  lookAt,
  makeFolder,
  randomName,
  removeTree,
  rename,
  syncFolder,
} from "./files.ts";

/** Adds to the end of a file, which is made when missing. @throws {BangerError} `io`, `no-space` */
export function appendText(file: string, text: string): void {
  guard(`cannot write ${file}`, () => {
    fs.appendFileSync(file, text, { mode: fileMode });
  });
}

/** Writes a program that may be run. @throws {BangerError} `io`, `no-space` */
export function writeProgram(file: string, text: string): void {
  guard(`cannot write ${file}`, () => {
    fs.writeFileSync(file, text, { mode: 0o755 });
  });
}

/** Copies a regular file; the copy is readable by all. @throws {BangerError} `io`, `no-space` */
export function copyFile(from: string, to: string): void {
  guard(`cannot copy ${from} to ${to}`, () => {
    fs.copyFileSync(from, to);
    fs.chmodSync(to, fileMode);
  });
}

/**
 * Writes a folder beside its final place and then puts it there, so that whoever looks sees the old one
 * or the whole new one.
 *
 * @param isOurs whether a name in the folder that is there may go.
 * @returns the names that may not, with nothing changed; none when the folder was replaced.
 * @throws {BangerError} `io`, `no-space`; what `write` throws. The old folder is then still there.
 */
export async function replaceFolder(
  folder: string,
  isOurs: (name: string) => boolean,
  write: (folder: string) => Promise<void>,
): Promise<readonly string[]> {
  const foreign = listNames(folder).filter((name) => !isOurs(name));
  if (foreign.length > 0) return foreign;
  const parent = path.dirname(folder);
  makeFolder(parent);
  const fresh = path.join(parent, `.tmp-${randomName()}`);
  const old = path.join(parent, `.tmp-${randomName()}`);
  try {
    makeFolder(fresh);
    await write(fresh);
    for (const name of listNames(fresh)) syncFile(path.join(fresh, name));
    syncFolder(fresh);
    if (lookAt(folder) !== undefined) rename(folder, old);
    rename(fresh, folder);
    syncFolder(parent);
  } finally {
    removeTree(fresh);
    removeTree(old);
  }
  return [];
}

function syncFile(file: string): void {
  guard(`cannot make ${file} durable`, () => {
    const descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}
