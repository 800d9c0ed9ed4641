import { type Catalog, maxCatalogBytes, parseCatalogText } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { mirrorNames } from "../../core/mirror-names.ts";
import type { Environment } from "../../io/environment.ts";
import { lookAt } from "../../io/files.ts";
import type { PublicFolder } from "../../io/public-folder.ts";
import { folderSource } from "../../io/repository-source.ts";
import { olderRole } from "../../trust/older-role.ts";
import { maxMetadataBytes, parseRole, type RepositoryFiles } from "../../trust/repository.ts";
import { takeExpired } from "../../trust/take-folder.ts";
import type { MirrorContent, SignedContent } from "./content.ts";

/**
 * Refuses a folder within banger's own, which others would get to read.
 *
 * @param root a real path.
 * @throws {BangerError} `refused`
 */
export function refuseOwnFolder(root: string, environment: Environment): void {
  for (const own of [environment.stateDir, environment.kernelsDir]) {
    if (root !== own && !root.startsWith(`${own}/`)) continue;
    throw new BangerError("refused", `${root} is within banger's own folder ${own}`, {
      hint: "name a folder elsewhere: a mirror is for everybody to read",
    });
  }
}

/**
 * Refuses a folder that is the mirror of something else, or of something newer: readers never take an
 * older catalog than the one they know.
 *
 * @throws {BangerError} `refused`, `io`.
 */
export async function refuseOtherMirror(
  folder: PublicFolder,
  content: MirrorContent,
): Promise<void> {
  const isSigned = lookAt(folder.at(`${mirrorNames.metadata}/timestamp.json`)) !== undefined;
  if (content.signed !== undefined && isSigned) {
    refuseOtherRoot(folder, content.signed);
    await refuseNewerRepository(folder, content.signed);
    return;
  }
  if (isSigned) {
    throw new BangerError(
      "refused",
      `${folder.root} has a signed catalog, and the one that is here has no signatures`,
      { hint: "name another folder, or take metadata/ and targets/ away there" },
    );
  }
  const there = catalogThere(folder);
  if (there === undefined || there.serial <= content.catalog.serial) return;
  throw newer(folder, `catalog ${there.serial}, and here is ${content.catalog.serial}`);
}

function catalogThere(folder: PublicFolder): Catalog | undefined {
  const { catalog: key } = mirrorNames;
  if (lookAt(folder.at(key)) === undefined) return undefined;
  const bytes = folder.read(key, maxCatalogBytes);
  try {
    return parseCatalogText(new TextDecoder().decode(bytes), folder.at(key));
  } catch (cause) {
    if (!(cause instanceof BangerError)) throw cause;
    throw new BangerError("refused", `${folder.at(key)} is no catalog of kernels`, {
      hint: `name another folder, or move the file away: mv ${folder.at(key)} ${folder.at(key)}.old`,
      cause,
    });
  }
}

function refuseOtherRoot(folder: PublicFolder, { trustedRoot, kept }: SignedContent): void {
  for (const ours of [trustedRoot, ...kept.files.roots]) {
    const { version } = parseRole.root(ours).signed;
    const key = `${mirrorNames.metadata}/${version}.root.json`;
    const there = folder.read(key, maxMetadataBytes.root);
    if (there === undefined || !isRootOfOthers(there, ours)) continue;
    throw new BangerError("refused", `${folder.root} is the mirror of another signed catalog`, {
      hint: "each catalog needs a folder of its own",
    });
  }
}

/** A damaged file is nobody's, and is written again. */
function isRootOfOthers(there: Uint8Array, ours: Uint8Array): boolean {
  let root: ReturnType<typeof parseRole.root>;
  try {
    root = parseRole.root(there);
  } catch {
    return false;
  }
  try {
    parseRole.root(ours).verifyDelegate("root", root);
    return false;
  } catch {
    return true;
  }
}

async function refuseNewerRepository(
  folder: PublicFolder,
  { trustedRoot, kept }: SignedContent,
): Promise<void> {
  let there: RepositoryFiles;
  try {
    const base = { trustedRoot, known: undefined };
    there = await takeExpired(base, folderSource(folder.root));
  } catch (error) {
    // What does not verify is of no use to anybody, and is written again.
    if (error instanceof BangerError) return;
    throw error;
  }
  if (there.roots.length > kept.files.roots.length) throw newer(folder, "a newer root");
  const older = olderRole(trustedRoot, there, kept.files);
  if (older === undefined) return;
  const { role, version, knownVersion } = older;
  throw newer(folder, `${role}.json ${knownVersion}, and here is ${version}`);
}

function newer(folder: PublicFolder, what: string): BangerError {
  return new BangerError("refused", `${folder.root} has a newer catalog than this host: ${what}`, {
    hint: "without --no-refresh the newest catalog is fetched first",
  });
}
