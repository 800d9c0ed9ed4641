import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { makeFolder } from "../../io/files.ts";
import { FileLock, holderLabel } from "../../io/lock.ts";
import type { Context } from "../context.ts";

/**
 * Runs `work` while no other build of this name runs on the same cache.
 *
 * @param name of the build, like `generic-6.12-x86_64`: a file name.
 * @throws {BangerError} `busy`, at once, when one does; `io`; what `work` throws.
 */
export async function withBuildLock<Result>(
  context: Context,
  cache: string,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const file = lockFile(cache, name);
  const lock = await FileLock.acquire(file, {
    holder: holderLabel(`building ${name}`),
    wait: false,
    signal: context.signal,
  }).catch((error: unknown) => {
    if (!(error instanceof BangerError) || error.code !== "busy") throw error;
    throw new BangerError("busy", `cannot build ${name}: ${error.message}`, {
      hint: "wait until it has ended; a build of another line or architecture can run beside it",
      cause: error,
    });
  });
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/**
 * Runs `work` while nobody else fetches the same; waits for whoever does.
 *
 * @param name of what is fetched: a file name.
 * @throws {BangerError} `io`; what `work` throws; the signal's reason.
 */
export async function whileFetching<Result>(
  context: Context,
  cache: string,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await FileLock.acquire(lockFile(cache, name), {
    holder: holderLabel(`fetching ${name}`),
    wait: true,
    signal: context.signal,
    onWait: (holder) => {
      context.report({ kind: "waiting", name, holder });
    },
  });
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function lockFile(cache: string, name: string): string {
  const folder = path.join(cache, "locks");
  makeFolder(folder);
  return path.join(folder, name);
}
