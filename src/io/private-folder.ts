import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { guard, removeTree, temporaryPrefix } from "./files.ts";

/** Where files go that nobody needs for long. */
export function temporaryFolder(): string {
  return tmpdir();
}

/**
 * Runs `work` with a new folder that only this user can enter, and removes it after.
 *
 * @throws {BangerError} `io`, `no-space`; what `work` throws.
 */
export function inPrivateFolder<Result>(
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  return inNewFolder(tmpdir(), "banger-", work);
}

/**
 * The same in a folder of banger's own, under a temporary name: what a killed process leaves there is
 * swept by the next that has the lock.
 *
 * @throws {BangerError} `io`, `no-space`; what `work` throws.
 */
export function inTemporaryFolder<Result>(
  parent: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  return inNewFolder(parent, temporaryPrefix, work);
}

async function inNewFolder<Result>(
  parent: string,
  prefix: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = guard(`cannot make a folder in ${parent}`, () =>
    fs.mkdtempSync(path.join(parent, prefix)),
  );
  try {
    return await work(folder);
  } finally {
    removeTree(folder);
  }
}
