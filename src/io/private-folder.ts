import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { guard, removeTree } from "./files.ts";

/** Where files go that nobody needs for long. */
export function temporaryFolder(): string {
  return tmpdir();
}

/**
 * Runs `work` with a new folder that only this user can enter, and removes it after.
 *
 * @throws {BangerError} `io`, `no-space`; what `work` throws.
 */
export async function inPrivateFolder<Result>(
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = guard(`cannot make a folder in ${tmpdir()}`, () =>
    fs.mkdtempSync(path.join(tmpdir(), "banger-")),
  );
  try {
    return await work(folder);
  } finally {
    removeTree(folder);
  }
}
