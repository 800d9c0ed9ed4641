import { BangerError } from "../core/errors.ts";
import type { Bucket } from "../io/rclone.ts";
import { hashStart } from "../io/tree-reader.ts";
import type { Context } from "./context.ts";
import { type PublicObject, verifyPublic } from "./public-object.ts";

/** A file that is to be published. Its bytes have the object's size and hash. */
export interface LocalObject extends PublicObject {
  readonly file: string;
  readonly contentType: string;
}

/** Whether the object was there already. */
export type Brought = "present" | "uploaded";

/**
 * Makes an object readable by everybody: uploads it if it is not there, then fetches it by its public
 * URL and compares. An object is never overwritten, but for the torso of an upload of the same file.
 *
 * @param thereBytes the size of what is under its key; undefined when there is nothing.
 * @throws {BangerError} `refused`, when the key holds other bytes; `verification-failed`, when its public
 * URL serves others; `network`, `timeout`, `failed`, `no-space`; the signal's reason.
 */
export async function bringObject(
  context: Context,
  bucket: Bucket,
  object: LocalObject,
  thereBytes: number | undefined,
): Promise<Brought> {
  if (thereBytes === object.sizeBytes) {
    await verifyPresent(context, bucket, object);
    return "present";
  }
  if (thereBytes !== undefined) await clearTorso(context, bucket, object, thereBytes);
  const where = bucket.label(object.key);
  context.report({ kind: "publish", name: object.key, step: "upload", where });
  await bucket.put(object.file, object.key, object.contentType);
  await verifyPublic(context, object);
  return "uploaded";
}

/** The public URL decides; only when it says no, the bucket is asked whose fault it is. */
async function verifyPresent(context: Context, bucket: Bucket, object: LocalObject): Promise<void> {
  context.report({
    kind: "publish",
    name: object.key,
    step: "present",
    where: bucket.label(object.key),
  });
  try {
    await verifyPublic(context, object);
  } catch (error) {
    const isWrong = error instanceof BangerError && error.code === "verification-failed";
    if (!isWrong || (await bucket.digest(object.key)) === object.sha256) throw error;
    throw otherBytes(bucket, object);
  }
}

async function clearTorso(
  context: Context,
  bucket: Bucket,
  object: LocalObject,
  thereBytes: number,
): Promise<void> {
  const isTorso =
    thereBytes < object.sizeBytes &&
    (await bucket.digest(object.key)) === hashStart(object.file, thereBytes);
  if (!isTorso) throw otherBytes(bucket, object);
  context.report({
    kind: "publish",
    name: object.key,
    step: "torso",
    where: bucket.label(object.key),
  });
  await bucket.remove(object.key);
}

function otherBytes(bucket: Bucket, object: LocalObject): BangerError {
  return new BangerError(
    "refused",
    `${bucket.label(object.key)} holds other bytes than ${object.file}: it is left as it is`,
    { hint: "find out who put it there before anything else; a published file never changes" },
  );
}
