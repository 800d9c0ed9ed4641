import path from "node:path";
import type { CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import { now } from "../io/clock.ts";
import type { Variables } from "../io/environment.ts";
import { taggedVersions } from "../io/git.ts";
import type { Bucket } from "../io/rclone.ts";
import {
  type CatalogPlan,
  entryToEdit,
  planRemoval,
  readForEdit,
  refuseReplacement,
  writePlan,
} from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";
import { objectsOf } from "./public-object.ts";

/** Which entry to take out of which catalog, and what else. */
export interface RemoveEntryInput {
  readonly reference: Reference;
  readonly catalogFile: string;
  readonly cache: string;
  readonly baseUrl: string;
  /** Also delete its files from the bucket. */
  readonly deleteRemote: boolean;
  /** Delete them though released catalogs may name them. */
  readonly breakReleases: boolean;
  readonly dryRun: boolean;
  /** False: throw `busy` when the catalog is being changed. */
  readonly wait: boolean;
}

/** What became of one file in the bucket. */
export interface RemovedObject {
  readonly key: string;
  /** As rclone calls it. */
  readonly object: string;
  readonly result: "left" | "deleted" | "would-delete" | "absent";
}

export interface EntryRemoval {
  readonly entry: CatalogEntry;
  readonly objects: readonly RemovedObject[];
  readonly plan: CatalogPlan;
}

const releaseTags = "v*";

/**
 * Takes an entry out of a catalog. Its files go first, if they are to go at all, so that the command can
 * be run again when it was interrupted.
 *
 * @throws {BangerError} `not-found`; `refused`, when a withdrawn entry is replaced by it, or another entry or the catalog of a release names a
 * file that is to go, or the releases cannot be told; `bad-catalog`, `busy`, `failed`, `network`, `io`,
 * `no-space`.
 */
export async function removeEntry(
  context: Context,
  bucket: Bucket,
  input: RemoveEntryInput,
): Promise<EntryRemoval> {
  const { catalogFile, cache, wait, reference } = input;
  const doing = `removing ${reference.name}`;
  return withCatalogLock(context, { catalogFile, cache, doing, wait }, async () => {
    const before = readForEdit(catalogFile, input.baseUrl);
    const entry = entryToEdit(before, reference);
    refuseReplacement(before, entry);
    const plan = planRemoval(before, entry, now());
    const keys = objectsOf(entry).map(({ key }) => key);
    if (input.deleteRemote) {
      refuseNamed(keys, plan, catalogFile);
      if (!input.breakReleases) await refuseReleased(context, keys, catalogFile);
    }
    const objects: RemovedObject[] = [];
    for (const key of keys) {
      const result = input.deleteRemote ? await remove(context, bucket, key, input.dryRun) : "left";
      objects.push({ key, object: bucket.label(key), result });
    }
    if (!input.dryRun) writePlan(catalogFile, plan, input.baseUrl);
    return { entry, objects, plan };
  });
}

function refuseNamed(keys: readonly string[], plan: CatalogPlan, catalogFile: string): void {
  const key = keys.find((item) => names(plan.text, item));
  if (key === undefined) return;
  throw new BangerError("refused", `another entry of ${catalogFile} names ${key}`, {
    hint: "remove that entry too, or leave the file where it is: leave out --delete-remote",
  });
}

async function refuseReleased(
  context: Context,
  keys: readonly string[],
  catalogFile: string,
): Promise<void> {
  const versions = await releasedCatalogs(context, catalogFile);
  const naming = [...versions]
    .filter(([, text]) => keys.some((key) => names(text, key)))
    .map(([tag]) => tag);
  if (naming.length === 0) return;
  throw new BangerError(
    "refused",
    `released catalogs name what would be deleted: ${naming.join(", ")}`,
    {
      hint: "leave the files where they are: leave out --delete-remote\nto break these releases for everybody: --break-releases",
    },
  );
}

async function releasedCatalogs(
  context: Context,
  catalogFile: string,
): Promise<ReadonlyMap<string, string>> {
  const environment: Variables = context.environment.variables;
  const checkout = { folder: path.dirname(catalogFile), environment, signal: context.signal };
  try {
    return await taggedVersions(checkout, path.basename(catalogFile), releaseTags);
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "failed") throw error;
    throw new BangerError("refused", error.message, {
      hint: "run it in a clone with all tags: git fetch --tags\nwhere nothing was ever released, or to delete in any case: --break-releases",
      cause: error,
    });
  }
}

/** File names are content-addressed: whatever text holds one as the end of a string names that file. */
function names(catalogText: string, key: string): boolean {
  return catalogText.includes(`/${key}"`);
}

async function remove(
  context: Context,
  bucket: Bucket,
  key: string,
  dryRun: boolean,
): Promise<RemovedObject["result"]> {
  if ((await bucket.sizeOf(key)) === undefined) return "absent";
  if (dryRun) return "would-delete";
  context.report({ kind: "publish", name: key, step: "delete", where: bucket.label(key) });
  await bucket.remove(key);
  return "deleted";
}
