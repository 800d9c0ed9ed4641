import { withCatalogLock } from "../catalog-lock.ts";
import type { Context } from "../context.ts";

/** Which repository is worked on. Paths are absolute. */
export interface TrustPlace {
  /** Holds `root.json`, `metadata/` and `targets/`. */
  readonly trust: string;
  readonly catalogFile: string;
  /** The cache of the checkout: the lock is in there. */
  readonly cache: string;
  /** False: throw `busy` when another command changes the catalog. */
  readonly wait: boolean;
}

/** Runs `work` while nobody else signs or changes the catalog. @throws as {@link withCatalogLock} */
export function whileSigning<Result>(
  context: Context,
  { catalogFile, cache, wait }: TrustPlace,
  work: () => Promise<Result>,
): Promise<Result> {
  return withCatalogLock(context, { catalogFile, cache, doing: "signing", wait }, work);
}
