import { BangerError } from "../../core/errors.ts";
import { mirrorNames } from "../../core/mirror-names.ts";
import type { PublicFolder } from "../../io/public-folder.ts";
import { maxMetadataBytes, parseRole, verifyRoots } from "../../trust/repository.ts";
import type { SignedContent } from "./content.ts";

/** A root before the one that this banger trusts; a banger that is older starts from it. */
export interface EarlierRoot {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/**
 * The roots before the trusted one, as far back as the folder or the source has them, the newest first.
 * Each vouches for the next, so that none can be made up: it would have to be one that has signed ours.
 *
 * @throws {BangerError} `io`, `network`, `timeout`, `verification-failed`, when one is too large.
 */
export async function earlierRoots(
  folder: PublicFolder,
  { trustedRoot, source }: SignedContent,
): Promise<readonly EarlierRoot[]> {
  const found: EarlierRoot[] = [];
  let next = trustedRoot;
  for (let { version } = parseRole.root(trustedRoot).signed; version > 1;) {
    version -= 1;
    const key = `${mirrorNames.metadata}/${version}.root.json`;
    const there = folder.read(key, maxMetadataBytes.root);
    const bytes =
      there !== undefined && vouches(there, next)
        ? there
        : await source?.read(key, maxMetadataBytes.root);
    if (bytes === undefined || !vouches(bytes, next)) break;
    found.push({ version, bytes });
    next = bytes;
  }
  return found;
}

function vouches(earlier: Uint8Array, next: Uint8Array): boolean {
  try {
    verifyRoots(earlier, [next]);
    return true;
  } catch (error) {
    if (error instanceof BangerError) return false;
    throw error;
  }
}
