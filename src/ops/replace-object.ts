import type { Bucket } from "../io/rclone.ts";
import { sha256Of } from "../io/hash.ts";
import type { Context } from "./context.ts";
import { verifyPublic } from "./public-object.ts";
import type { LocalObject } from "./upload.ts";

/**
 * Makes the newest state of one of the few objects that change readable by everybody, and fetches it by
 * its public URL.
 *
 * @param mayReplace throws when what is there must stay.
 * @throws {BangerError} `verification-failed`, when the public URL serves other bytes; `network`,
 * `timeout`, `failed`, `no-space`; what `mayReplace` throws; the signal's reason.
 */
export async function replaceObject(
  context: Context,
  bucket: Bucket,
  object: LocalObject,
  mayReplace: (there: string) => void,
): Promise<"present" | "uploaded" | "replaced"> {
  const { key } = object;
  const there = await bucket.read(key);
  if (there !== undefined && sha256Of(there) === object.sha256) {
    await verifyPublic(context, object);
    return "present";
  }
  if (there !== undefined) mayReplace(there);
  context.report({ kind: "publish", name: key, step: "upload", where: bucket.label(key) });
  await bucket.replace(object.file, key, object.contentType);
  await verifyPublic(context, object);
  return there === undefined ? "uploaded" : "replaced";
}
