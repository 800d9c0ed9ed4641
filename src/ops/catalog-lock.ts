import path from "node:path";
import { lookAt, makeFolder, realPath } from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
import { FileLock, holderLabel } from "../io/lock.ts";
import type { Context } from "./context.ts";

/** Whose catalog is to be changed, and how. */
export interface CatalogLockInput {
  readonly catalogFile: string;
  /** The cache of the checkout: the lock is in there, and not beside what people commit. */
  readonly cache: string;
  /** What others are told while they wait. */
  readonly doing: string;
  /** False: throw `busy` instead of waiting. */
  readonly wait: boolean;
}

/**
 * Runs `work` while no other maintainer's command changes the catalog.
 *
 * @throws {BangerError} `busy`; `io`; the signal's reason; and what `work` throws.
 */
export async function withCatalogLock<Result>(
  context: Context,
  input: CatalogLockInput,
  work: () => Promise<Result>,
): Promise<Result> {
  const { catalogFile, cache, doing, wait } = input;
  const folder = path.join(cache, "locks");
  makeFolder(folder);
  const key = new Sha256Hash().update(identityOf(catalogFile)).digest().slice(0, 16);
  const lock = await FileLock.acquire(path.join(folder, `catalog-${key}.lock`), {
    holder: holderLabel(doing),
    wait,
    signal: context.signal,
    onWait: (holder) => {
      context.report({ kind: "waiting", name: catalogFile, holder });
    },
  });
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** One catalog is one, by whatever path it is named; the file itself may not be there yet. */
function identityOf(catalogFile: string): string {
  if (lookAt(catalogFile) !== undefined) return realPath(catalogFile);
  return path.join(realPath(path.dirname(catalogFile)), path.basename(catalogFile));
}
