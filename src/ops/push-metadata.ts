import path from "node:path";
import { BangerError } from "../core/errors.ts";
import { lookThrough, replaceFile } from "../io/files.ts";
import { sha256Of } from "../io/hash.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import type { Bucket } from "../io/rclone.ts";
import { parseRole } from "../trust/repository.ts";
import type { Context } from "./context.ts";
import { contentTypeOf } from "./public-object.ts";
import type { PushedObject, PushRecord } from "./push-record.ts";
import { replaceObject } from "./replace-object.ts";
import { type Publishable, readPublishable, type RepositoryFile } from "./trust/publishable.ts";
import { catalogAt } from "./trust/signed-catalog.ts";
import {
  isSignedBy,
  readTrustFolder,
  timestampFile,
  type TrustFolder,
} from "./trust/trust-folder.ts";
import { bringObject, type LocalObject } from "./upload.ts";

/** Whose signed repository is brought where. */
export interface MetadataPush {
  readonly context: Context;
  readonly bucket: Bucket;
  /** The sizes of what is in the bucket, by key. */
  readonly thereBytes: ReadonlyMap<string, number>;
  readonly record: PushRecord;
  readonly trust: string;
  readonly catalogFile: string;
  readonly baseUrl: string;
  /** Whatever catalog is here. */
  readonly metadataOnly: boolean;
  readonly dryRun: boolean;
}

/**
 * Brings a signed repository into the bucket, the timestamp last: until it is there, hosts see the state
 * before. Without a timestamp here, nothing is brought: CI makes it.
 *
 * Failures are kept in the record.
 *
 * @throws {BangerError} `io`, `no-space`; the signal's reason.
 */
export async function pushMetadata(work: MetadataPush): Promise<void> {
  const { trust: folder, record, metadataOnly } = work;
  const isThere = lookThrough(path.join(folder, timestampFile)) !== undefined;
  if (!isThere && !metadataOnly) return;
  const told = { key: timestampFile, kind: "metadata" } as const;
  if (record.hasFailed) return record.addInOrder(told, () => Promise.resolve("held-back"));
  let found: WholeRepository;
  try {
    found = await readWholeRepository(work);
  } catch (error) {
    return record.add(told, () => Promise.reject(error));
  }
  await inPrivateFolder(async (temporary) => {
    for (const file of found.whole.files) {
      const object = localObject(work, temporary, file);
      await record.addInOrder({ key: object.key, kind: "metadata" }, () => bring(work, object));
    }
    const object = localObject(work, temporary, found.whole.timestamp);
    await record.addInOrder(told, () => bringTimestamp(work, object, found));
  });
}

interface WholeRepository {
  readonly trust: TrustFolder;
  readonly whole: Publishable;
}

async function readWholeRepository({
  trust: folder,
  catalogFile,
  metadataOnly,
}: MetadataPush): Promise<WholeRepository> {
  const trust = await readTrustFolder(folder);
  const whole = await readPublishable(trust);
  if (metadataOnly || Buffer.from(whole.catalog).equals(catalogAt(catalogFile))) {
    return { trust, whole };
  }
  throw new BangerError(
    "verification-failed",
    `${path.join(folder, timestampFile)} leads to another catalog than ${catalogFile}`,
    { hint: "to make it anew: scripts/banger-maint trust renew" },
  );
}

/** What is uploaded is what was verified, whatever becomes of the folder meanwhile. */
function localObject(
  { baseUrl }: MetadataPush,
  folder: string,
  { file: key, bytes }: RepositoryFile,
): LocalObject {
  const file = path.join(folder, path.basename(key));
  replaceFile(file, bytes);
  return {
    key,
    url: `${baseUrl}${key}`,
    sha256: sha256Of(bytes),
    sizeBytes: bytes.length,
    file,
    contentType: contentTypeOf(key),
  };
}

async function bring(
  { context, bucket, thereBytes, dryRun }: MetadataPush,
  object: LocalObject,
): Promise<PushedObject["result"]> {
  if (dryRun) return thereBytes.has(object.key) ? "would-compare" : "would-upload";
  return bringObject(context, bucket, object, thereBytes.get(object.key));
}

async function bringTimestamp(
  { context, bucket, thereBytes, dryRun }: MetadataPush,
  object: LocalObject,
  { trust, whole }: WholeRepository,
): Promise<PushedObject["result"]> {
  if (dryRun) return thereBytes.has(object.key) ? "would-replace" : "would-upload";
  return replaceObject(context, bucket, object, (there) => {
    const version = goodVersion(trust, there);
    if (version === undefined || version < whole.timestamp.version) return;
    throw new BangerError(
      "refused",
      `${bucket.label(object.key)} has version ${version}, which is not older than ${whole.timestamp.version}: it is left as it is`,
      { hint: "to make a newer one: scripts/banger-maint trust renew" },
    );
  });
}

/** Hosts pass over what the newest root does not vouch for, so it may be replaced by an older one. */
function goodVersion({ roots }: TrustFolder, text: string): number | undefined {
  try {
    const timestamp = parseRole.timestamp(new TextEncoder().encode(text));
    const isGood = isSignedBy(roots.slice(-1), "timestamp", timestamp);
    return isGood ? timestamp.signed.version : undefined;
  } catch (error) {
    if (error instanceof BangerError) return undefined;
    throw error;
  }
}
