import path from "node:path";
import { bundleNames } from "../core/bundle-tree.ts";
import { type CatalogEntry, fileOfUrl } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { fileDigest } from "../core/manifest.ts";
import { now } from "../io/clock.ts";
import { removeQuietly } from "../io/files.ts";
import type { Bucket } from "../io/rclone.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import { type CatalogPlan, planPut, readForEdit, writePlan } from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";
import { type InstalledBundle, packInstalled, type PackInstalledInput } from "./pack-installed.ts";
import { withSidecars } from "./publish-sidecars.ts";
import { contentTypeOf, objectsOf, type PublicObject } from "./public-object.ts";
import { writeSidecar } from "./sidecars.ts";
import { bringObject } from "./upload.ts";

/** What to publish, and where everything is. */
export interface PublishInput extends PackInstalledInput {
  /** Where tarball and sidecar are kept. */
  readonly out: string;
  readonly cache: string;
  /** Tells until when each line is kept up. */
  readonly supportFile: string;
  readonly publisher: string;
  /** Like `banger-maint 0.1.0`: who has seen the kernel boot. */
  readonly program: string;
  /** False: throw `busy` when the catalog is being changed. */
  readonly wait: boolean;
}

/** What became of one file. */
export interface PublishedObject extends PublicObject {
  /** `kept`: made, and not uploaded. */
  readonly result:
    | "present"
    | "uploaded"
    | "kept"
    | "would-upload"
    | "would-keep"
    | "would-compare";
}

export interface PublishResult {
  readonly entry: CatalogEntry;
  readonly objects: readonly PublishedObject[];
  readonly plan: CatalogPlan;
  /** Whether people can tell from what the kernel was built, and build it again. */
  readonly hasProvenance: boolean;
}

/**
 * Publishes an installed kernel that proves itself: packs, checks and boots it, uploads the tarball and its
 * sidecars, proves that everybody can fetch them, and only then names it in the catalog. When it is
 * interrupted, run again it goes on.
 *
 * @param bucket undefined: nothing is uploaded nor looked for, only made and named in the catalog.
 * @throws {BangerError} `not-found`; `verification-failed` for a damaged kernel, or when the public URL
 * serves other bytes; `refused`, `wrong-image`, when the kernel does not prove itself; `refused`, when the
 * catalog has a newer one or the bucket other bytes; `usage`; `bad-catalog`; `busy`; `network`, `timeout`, `failed`, `io`, `no-space`.
 */
export async function publish(
  context: Context,
  bucket: Bucket | undefined,
  input: PublishInput,
): Promise<PublishResult> {
  const { catalogFile, cache, wait, reference } = input;
  const doing = `publishing ${reference.name}`;
  return withCatalogLock(context, { catalogFile, cache, doing, wait }, async () => {
    const bundle = await packInstalled(context, input, input.out);
    const prepared = withSidecars(context, input, bundle, bucket);
    const { entry, made, elsewhere } = await prepared.catch((error: unknown) => {
      // A kernel that does not prove itself leaves nothing in the folder.
      if (error instanceof BangerError && !isNamed(input, bundle.entry)) removeQuietly(bundle.file);
      throw error;
    });
    for (const sidecar of made) {
      writeSidecar(path.join(input.out, fileOfUrl(sidecar.sidecar.url)), sidecar);
    }
    const objects: PublishedObject[] = [];
    for (const object of objectsOf(entry)) {
      const file = path.join(input.out, object.key);
      const local = { ...object, file, contentType: contentTypeOf(object.key) };
      const result =
        bucket === undefined
          ? "kept"
          : elsewhere.has(object.key)
            ? "present"
            : await bringObject(context, bucket, local, await bucket.sizeOf(object.key));
      objects.push({ ...object, result });
    }
    const plan = planPut(readForEdit(catalogFile, input.baseUrl), entry, now());
    writePlan(catalogFile, plan, input.baseUrl);
    return { entry, objects, plan, hasProvenance: hasProvenance(bundle) };
  });
}

/**
 * Tells what {@link publish} would do. Looks at the bucket, and changes nothing anywhere.
 *
 * @throws as {@link publish}.
 */
export async function planPublish(
  context: Context,
  bucket: Bucket | undefined,
  input: PublishInput,
): Promise<PublishResult> {
  return inPrivateFolder(async (folder) => {
    const bundle = await packInstalled(context, input, folder);
    const { entry } = await withSidecars(context, input, bundle, bucket);
    const objects: PublishedObject[] = [];
    for (const object of objectsOf(entry)) {
      objects.push({ ...object, result: await wouldBe(bucket, object) });
    }
    const plan = planPut(readForEdit(input.catalogFile, input.baseUrl), entry, now());
    return { entry, objects, plan, hasProvenance: hasProvenance(bundle) };
  });
}

async function wouldBe(
  bucket: Bucket | undefined,
  object: PublicObject,
): Promise<PublishedObject["result"]> {
  if (bucket === undefined) return "would-keep";
  return (await bucket.sizeOf(object.key)) === undefined ? "would-upload" : "would-compare";
}

/** Whether the catalog names this very tarball. */
function isNamed(input: PublishInput, { tarball_sha256: sha256 }: CatalogEntry): boolean {
  const { catalog } = readForEdit(input.catalogFile, input.baseUrl);
  return catalog.entries.some((entry) => entry.tarball_sha256 === sha256);
}

/** Whether people can tell from what the kernel was built. */
function hasProvenance({ kernel }: InstalledBundle): boolean {
  return fileDigest(kernel.manifest, bundleNames.provenance) !== undefined;
}
