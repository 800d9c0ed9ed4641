import type { Catalog } from "../../core/catalog.ts";
import { tarballFile } from "../../core/catalog.ts";
import { parseChecksums } from "../../core/checksums.ts";
import { mirrorNames } from "../../core/mirror-names.ts";
import { sha256Of } from "../../io/hash.ts";
import type { RepositorySource } from "../../io/repository-source.ts";
import type { MirrorContent } from "./content.ts";

/** No list of checksums, and no signature, is larger. */
export const maxChecksumsBytes: number = 1 << 20;

/** A list of checksums for people without banger, and its signature by minisign. */
export interface SignedChecksums {
  readonly list: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * The list and its signature, when a source has both.
 *
 * @throws {BangerError} `network`, `timeout`; `verification-failed`, when one is too large.
 */
export async function fetchChecksums(
  source: RepositorySource,
): Promise<SignedChecksums | undefined> {
  const list = await source.read(mirrorNames.checksums, maxChecksumsBytes);
  if (list === undefined) return undefined;
  const signature = await source.read(mirrorNames.checksumsSignature, maxChecksumsBytes);
  return signature === undefined ? undefined : { list, signature };
}

/** Whether a list is of this catalog, and says nothing else of its tarballs than the catalog does. */
export function areChecksumsOf(list: Uint8Array, content: MirrorContent): boolean {
  const sums = parseChecksums(new TextDecoder().decode(list));
  if (sums?.get(mirrorNames.catalog) !== sha256Of(content.catalogBytes)) return false;
  return tarballsOf(content.catalog).every(([file, sha256]) => {
    const sum = sums.get(file);
    return sum === undefined || sum === sha256;
  });
}

/** Whether a list is of another catalog, so that it would tell people that their files are damaged. */
export function areChecksumsOfAnother(list: Uint8Array, content: MirrorContent): boolean {
  const sums = parseChecksums(new TextDecoder().decode(list));
  return sums?.has(mirrorNames.catalog) === true && !areChecksumsOf(list, content);
}

function tarballsOf({ entries }: Catalog): (readonly [string, string])[] {
  return entries.map((entry) => [tarballFile(entry), entry.tarball_sha256]);
}
