import path from "node:path";
import { parseCatalogText } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { replaceFile } from "../io/files.ts";
import { sha256Of } from "../io/hash.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import { catalogTarget } from "../trust/repository.ts";
import type { MetadataPush } from "./push-metadata.ts";
import { replaceObject } from "./replace-object.ts";
import { readSums, type SignedSums, sumsFile, sumsSignature } from "./sums.ts";

/**
 * Brings what people without banger check by, if it lies beside the catalog: the catalog itself, the sums
 * and their signature. These keys are overwritten; a reader who comes in between tries again.
 *
 * Failures are kept in the record.
 *
 * @throws {BangerError} `io`, `no-space`; the signal's reason.
 */
export async function pushSums(work: Omit<MetadataPush, "trust" | "metadataOnly">): Promise<void> {
  const { context, record, catalogFile, baseUrl } = work;
  let signed: SignedSums | undefined;
  try {
    signed = await readSums(context, catalogFile, baseUrl);
  } catch (error) {
    return record.add({ key: sumsFile, kind: "sums" }, () => Promise.reject(error));
  }
  if (signed === undefined) return;
  const files = [
    { key: catalogTarget, text: signed.catalog, contentType: "application/json" },
    { key: sumsFile, text: signed.sums, contentType: "text/plain" },
    { key: sumsSignature, text: signed.signature, contentType: "text/plain" },
  ];
  const { serial } = parseCatalogText(signed.catalog, catalogFile);
  await inPrivateFolder(async (folder) => {
    for (const { key, text, contentType } of files) {
      await record.addInOrder({ key, kind: "sums" }, async () => {
        if (work.dryRun) return work.thereBytes.has(key) ? "would-replace" : "would-upload";
        const file = path.join(folder, key);
        replaceFile(file, text);
        const sizeBytes = Buffer.byteLength(text);
        const object = { key, url: `${baseUrl}${key}`, sha256: sha256Of(text), sizeBytes };
        return replaceObject(context, work.bucket, { ...object, file, contentType }, (there) => {
          if (key === catalogTarget) refuseNewer(there, serial, work.bucket.label(key));
        });
      });
    }
  });
}

function refuseNewer(there: string, serial: number, label: string): void {
  const found = serialOf(there);
  if (found === undefined || found <= serial) return;
  throw new BangerError(
    "refused",
    `${label} has serial ${found}, which is newer than ${serial}: it is left as it is`,
    { hint: "bring this checkout up to date: git pull" },
  );
}

/** Undefined for what is no catalog, which may be replaced. */
function serialOf(text: string): number | undefined {
  try {
    return parseCatalogText(text, catalogTarget).serial;
  } catch (error) {
    if (error instanceof BangerError) return undefined;
    throw error;
  }
}
