import path from "node:path";
import { buildKind } from "../core/build-record.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import { type CatalogEntry, fileOfUrl, findEntry, type Sidecar } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { fileDigest } from "../core/manifest.ts";
import type { Sha256 } from "../core/sha256.ts";
import { now } from "../io/clock.ts";
import type { Bucket } from "../io/rclone.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import {
  type BuildSidecarInput,
  keptBuildSidecar,
  newBuildSidecar,
  writeSidecar,
} from "./build-sidecar.ts";
import { type CatalogPlan, planPut, readForEdit, writePlan } from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";
import { type InstalledBundle, packInstalled, type PackInstalledInput } from "./pack-installed.ts";
import { contentTypeOf, objectsOf, type PublicObject, verifyPublic } from "./public-object.ts";
import { bringObject } from "./upload.ts";

/** What to publish, and where everything is. */
export interface PublishInput extends PackInstalledInput {
  /** Where tarball and sidecar are kept. */
  readonly out: string;
  readonly cache: string;
  readonly publisher: string;
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
 * Publishes an installed kernel: packs it, uploads the tarball and its sidecar, proves that everybody can
 * fetch them, and only then names it in the catalog. When it is interrupted, run again it goes on.
 *
 * @param bucket undefined: nothing is uploaded nor looked for, only made and named in the catalog.
 * @throws {BangerError} `not-found`; `verification-failed` for a damaged kernel, or when the public URL
 * serves other bytes; `refused`, when the catalog has a newer kernel or the bucket other bytes; `usage`;
 * `bad-catalog`; `busy`; `network`, `timeout`, `failed`, `io`, `no-space`.
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
    const { entry, elsewhere } = await withSidecar(context, input, bundle, bucket !== undefined);
    const objects: PublishedObject[] = [];
    for (const object of objectsOf(entry)) {
      const file = path.join(input.out, object.key);
      const contentType = contentTypeOf(object.key);
      const result =
        bucket === undefined
          ? "kept"
          : object.key === elsewhere
            ? "present"
            : await bringObject(context, bucket, { ...object, file, contentType });
      objects.push({ ...object, result });
    }
    const plan = planPut(readForEdit(catalogFile, input.baseUrl), entry, now());
    writePlan(catalogFile, plan, input.baseUrl);
    return { entry, objects, plan, hasProvenance: provenanceOf(bundle) !== undefined };
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
    const old = namedBefore(input, bundle.entry);
    const sidecar =
      keptBuildSidecar({ ...input, entry: bundle.entry, folder: input.out }, old.build) ??
      (bucket === undefined ? undefined : old.build) ??
      newBuildSidecar(sidecarInput(input, bundle)).sidecar;
    const entry = { ...bundle.entry, sidecars: [sidecar, ...old.others] };
    const objects: PublishedObject[] = [];
    for (const object of objectsOf(entry)) {
      objects.push({ ...object, result: await wouldBe(bucket, object) });
    }
    const plan = planPut(readForEdit(input.catalogFile, input.baseUrl), entry, now());
    return { entry, objects, plan, hasProvenance: provenanceOf(bundle) !== undefined };
  });
}

async function wouldBe(
  bucket: Bucket | undefined,
  object: PublicObject,
): Promise<PublishedObject["result"]> {
  if (bucket === undefined) return "would-keep";
  return (await bucket.sizeOf(object.key)) === undefined ? "would-upload" : "would-compare";
}

/** What the catalog names already for this very tarball. */
function namedBefore(
  input: PublishInput,
  entry: CatalogEntry,
): { readonly build: Sidecar | undefined; readonly others: readonly Sidecar[] } {
  const { catalog } = readForEdit(input.catalogFile, input.baseUrl);
  const old = findEntry(catalog, entry.name, entry.arch);
  const sidecars = old?.tarball_sha256 === entry.tarball_sha256 ? (old.sidecars ?? []) : [];
  return {
    build: sidecars.find(({ kind }) => kind === buildKind),
    others: sidecars.filter(({ kind }) => kind !== buildKind),
  };
}

/** The entry with its sidecars; `elsewhere` is the key of one that is published and not in the folder. */
interface Prepared {
  readonly entry: CatalogEntry;
  readonly elsewhere?: string;
}

async function withSidecar(
  context: Context,
  input: PublishInput,
  bundle: InstalledBundle,
  mayBeElsewhere: boolean,
): Promise<Prepared> {
  const { entry } = bundle;
  const old = namedBefore(input, entry);
  const naming = (build: Sidecar): CatalogEntry => ({ ...entry, sidecars: [build, ...old.others] });
  const kept = keptBuildSidecar({ ...input, entry, folder: input.out }, old.build);
  if (kept !== undefined) return { entry: naming(kept) };
  if (mayBeElsewhere && old.build !== undefined && (await isPublished(context, old.build))) {
    return { entry: naming(old.build), elsewhere: fileOfUrl(old.build.url) };
  }
  const made = newBuildSidecar(sidecarInput(input, bundle));
  writeSidecar(path.join(input.out, fileOfUrl(made.sidecar.url)), made);
  return { entry: naming(made.sidecar) };
}

async function isPublished(context: Context, sidecar: Sidecar): Promise<boolean> {
  const { url, sha256, size_bytes: sizeBytes } = sidecar;
  try {
    await verifyPublic(context, { key: fileOfUrl(url), url, sha256, sizeBytes });
    return true;
  } catch (error) {
    if (!(error instanceof BangerError) || context.signal.aborted) throw error;
    return false;
  }
}

function provenanceOf({ kernel }: InstalledBundle): Sha256 | undefined {
  return fileDigest(kernel.manifest, bundleNames.provenance);
}

function sidecarInput(input: PublishInput, bundle: InstalledBundle): BuildSidecarInput {
  const { cache, baseUrl, publisher, out: folder } = input;
  const { entry } = bundle;
  const provenanceSha256 = provenanceOf(bundle);
  return { entry, provenanceSha256, folder, cache, baseUrl, publisher, publishedAt: now() };
}
