import path from "node:path";
import { bundleNames } from "../core/bundle-tree.ts";
import type { CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { maxProvenanceBytes, parseProvenance, sourceOf } from "../core/provenance.ts";
import type { Sha256 } from "../core/sha256.ts";
import { lookThrough } from "../io/files.ts";
import { PartFile } from "../io/part-file.ts";
import type { Bucket } from "../io/rclone.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import { hashFile } from "../io/tree-reader.ts";
import { readBundleFiles } from "./bundle-files.ts";
import { noCatalog, readForEdit } from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";
import { contentTypeOf, objectsOf, type PublicObject, verifyPublic } from "./public-object.ts";
import { pushMetadata } from "./push-metadata.ts";
import { type PushedObject, PushRecord } from "./push-record.ts";
import { pushSums } from "./push-sums.ts";
import { bringObject } from "./upload.ts";

/** Whose files to bring, and where they are. */
export interface PushInput {
  readonly catalogFile: string;
  /** Where tarballs and sidecars are kept. */
  readonly bundles: string;
  /** The cache of the checkout: sources are in `sources/`, named by their SHA-256. */
  readonly cache: string;
  /** The signed repository: what of it is whole is brought last. */
  readonly trust: string;
  readonly baseUrl: string;
  /** Bring the signed repository alone. */
  readonly metadataOnly: boolean;
  /** Tell what would be uploaded, and upload nothing. */
  readonly dryRun: boolean;
  /** False: throw `busy` when the catalog is being changed. */
  readonly wait: boolean;
}

/** A source that tarballs were built from. */
interface WantedSource {
  readonly name: string;
  readonly sha256: Sha256;
  readonly entry: string;
}

/** The key of a source. */
export function sourceKey(sha256: Sha256): string {
  return `sources/${sha256}`;
}

/**
 * Brings everything that a catalog needs into the bucket: tarballs, sidecars, and the sources that the
 * tarballs were built from. What is there already is compared and left. A file that fails is told of in
 * its place, and the others are still brought. What makes all of it live, the signed repository, comes last,
 * and only when nothing has failed.
 *
 * @throws {BangerError} `bad-catalog`; `not-found`, when there is no catalog; `busy`; `failed`, `network`,
 * when the bucket cannot be read at all; the signal's reason.
 */
export async function push(
  context: Context,
  bucket: Bucket,
  input: PushInput,
): Promise<readonly PushedObject[]> {
  const { catalogFile, cache, wait } = input;
  return withCatalogLock(context, { catalogFile, cache, doing: "pushing", wait }, async () => {
    const record = new PushRecord(context);
    const thereBytes = await bucket.sizes();
    if (!input.metadataOnly) {
      const { catalog, text } = readForEdit(catalogFile, input.baseUrl);
      if (text === undefined) throw noCatalog(catalogFile);
      const work = new Push(context, bucket, input, thereBytes, record);
      for (const entry of catalog.entries) await work.bringEntry(entry);
      await work.bringSources();
      await pushSums({ context, bucket, thereBytes, record, ...input });
    }
    await pushMetadata({ context, bucket, thereBytes, record, ...input });
    return record.results;
  });
}

class Push {
  readonly #record: PushRecord;
  readonly #context: Context;
  readonly #bucket: Bucket;
  readonly #input: PushInput;
  readonly #thereBytes: ReadonlyMap<string, number>;
  readonly #sources = new Map<Sha256, WantedSource>();

  constructor(
    context: Context,
    bucket: Bucket,
    input: PushInput,
    thereBytes: ReadonlyMap<string, number>,
    record: PushRecord,
  ) {
    this.#record = record;
    this.#context = context;
    this.#bucket = bucket;
    this.#input = input;
    this.#thereBytes = thereBytes;
  }

  async bringEntry(entry: CatalogEntry): Promise<void> {
    const label = `${entry.name}:${entry.arch}`;
    for (const [index, object] of objectsOf(entry).entries()) {
      const kind = index === 0 ? "tarball" : "sidecar";
      await this.#record.add({ key: object.key, kind, entry: label }, async () => {
        const file = path.join(this.#input.bundles, object.key);
        const isHere = lookThrough(file) !== undefined;
        const result = isHere ? await this.#bring(file, object) : undefined;
        if (kind === "sidecar") return result ?? this.#elsewhere(object);
        if (result === undefined) return this.#tarballElsewhere(object, label);
        await this.#noteSource(file, label);
        return result;
      });
    }
  }

  async bringSources(): Promise<void> {
    for (const source of this.#sources.values()) {
      const { sha256, entry } = source;
      const key = sourceKey(sha256);
      await this.#record.add({ key, kind: "source", entry }, async () => {
        const file = path.join(this.#input.cache, key);
        const url = `${this.#input.baseUrl}${key}`;
        const hereBytes = lookThrough(file)?.size;
        if (hereBytes !== undefined) {
          return this.#bring(file, { key, url, sha256, sizeBytes: hereBytes });
        }
        const sizeBytes = this.#thereBytes.get(key);
        if (sizeBytes !== undefined) return this.#elsewhere({ key, url, sha256, sizeBytes });
        throw new BangerError(
          "not-found",
          `${source.name}, the source of ${entry}, is neither in the cache nor in the bucket`,
          { hint: `put it there, or build the kernel again: ${file}` },
        );
      });
    }
  }

  /** A file of ours, once it is what it must be. */
  async #bring(file: string, object: PublicObject): Promise<PushedObject["result"]> {
    const digest = hashFile(file);
    if (lookThrough(file)?.size !== object.sizeBytes || digest !== object.sha256) {
      throw new BangerError(
        "verification-failed",
        `${file}: SHA-256 is ${String(digest)}, expected ${object.sha256}`,
        { hint: `it is not uploaded; remove it: rm ${file}` },
      );
    }
    if (this.#input.dryRun) {
      return this.#thereBytes.has(object.key) ? "would-compare" : "would-upload";
    }
    const contentType = contentTypeOf(object.key);
    const local = { ...object, file, contentType };
    return bringObject(this.#context, this.#bucket, local, this.#thereBytes.get(object.key));
  }

  /** A file that is in the bucket and not here. */
  async #elsewhere(object: PublicObject): Promise<PushedObject["result"]> {
    this.#requireElsewhere(object);
    await verifyPublic(this.#context, object);
    return "present";
  }

  async #tarballElsewhere(object: PublicObject, label: string): Promise<PushedObject["result"]> {
    this.#requireElsewhere(object);
    await inPrivateFolder(async (folder) => {
      const file = path.join(folder, object.key);
      const sink = PartFile.open(file);
      try {
        await verifyPublic(this.#context, object, { sink });
        await this.#noteSource(file, label);
      } finally {
        sink.close();
      }
    });
    return "present";
  }

  #requireElsewhere(object: PublicObject): void {
    if (this.#thereBytes.has(object.key)) return;
    const { bundles } = this.#input;
    throw new BangerError("not-found", `${object.key} is neither in ${bundles} nor in the bucket`, {
      hint: "publish the kernel again, or get the file back: git checkout -- bundles",
    });
  }

  async #noteSource(bundle: string, entry: string): Promise<void> {
    const wanted = { name: bundleNames.provenance, maxBytes: maxProvenanceBytes };
    const { text } = await readBundleFiles(bundle, wanted);
    if (text === undefined) return;
    const { name, sha256 } = sourceOf(parseProvenance(text, entry), entry);
    if (!this.#sources.has(sha256)) this.#sources.set(sha256, { name, sha256, entry });
  }
}
