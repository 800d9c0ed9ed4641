import { mirrorNames } from "../../core/mirror-names.ts";
import type { PublicFolder } from "../../io/public-folder.ts";
import { catalogTarget, parseRole, verifyRoots } from "../../trust/repository.ts";
import type { Context } from "../context.ts";
import {
  areChecksumsOf,
  areChecksumsOfAnother,
  fetchChecksums,
  maxChecksumsBytes,
  type SignedChecksums,
} from "./checksums.ts";
import type { MirrorContent, SignedContent } from "./content.ts";
import { earlierRoots } from "./earlier-roots.ts";
import type { MirroredFile } from "./sync.ts";

/**
 * Puts the catalog and all that vouches for it into a folder that has the tarballs. What is fetched is
 * fetched first; then a file is written only when all that it names is there, so the timestamp, by
 * which readers find everything else, is the last.
 *
 * @throws {BangerError} `io`, `no-space`, `refused`; `network`, `timeout`, `verification-failed` of what
 * is fetched.
 */
export async function publishCatalog(
  context: Context,
  folder: PublicFolder,
  content: MirrorContent,
): Promise<readonly MirroredFile[]> {
  const { signed } = content;
  const checksums = await newChecksums(context, content);
  const metadata = signed === undefined ? [] : await metadataOf(folder, signed);
  const writer = new Writer(folder);
  if (signed !== undefined) {
    folder.makeInner(mirrorNames.targets);
    folder.makeInner(mirrorNames.metadata);
    writer.put("catalog", targetKey(signed), content.catalogBytes);
  }
  writer.put("catalog", mirrorNames.catalog, content.catalogBytes);
  putChecksums(writer, folder, content, checksums);
  for (const [key, bytes] of metadata) writer.put("metadata", key, bytes);
  return writer.files;
}

class Writer {
  readonly files: MirroredFile[] = [];
  readonly #folder: PublicFolder;

  constructor(folder: PublicFolder) {
    this.#folder = folder;
  }

  put(kind: MirroredFile["kind"], key: string, bytes: Uint8Array): void {
    const result = this.#folder.put(key, bytes) ? "fetched" : "present";
    this.files.push({ key, kind, result, sizeBytes: bytes.length });
  }

  remove(kind: MirroredFile["kind"], key: string, sizeBytes: number): void {
    this.#folder.remove(key);
    this.files.push({ key, kind, result: "removed", sizeBytes });
  }
}

function isConsistent({ trustedRoot, kept }: SignedContent): boolean {
  return verifyRoots(trustedRoot, kept.files.roots).signed.consistentSnapshot;
}

function targetKey(signed: SignedContent): string {
  const prefix = isConsistent(signed) ? `${signed.kept.catalogSha256}.` : "";
  return `${mirrorNames.targets}/${prefix}${catalogTarget}`;
}

function at(name: string): string {
  return `${mirrorNames.metadata}/${name}.json`;
}

/** In the order in which they are to be written. */
async function metadataOf(
  folder: PublicFolder,
  signed: SignedContent,
): Promise<readonly (readonly [string, Uint8Array])[]> {
  const { trustedRoot, kept } = signed;
  const { roots, targets, snapshot, timestamp } = kept.files;
  const versioned = (role: "targets" | "snapshot", bytes: Uint8Array): string =>
    at(isConsistent(signed) ? `${parseRole[role](bytes).signed.version}.${role}` : role);
  const earlier = await earlierRoots(folder, signed);
  const allRoots = [...earlier.map(({ bytes }) => bytes).reverse(), trustedRoot, ...roots];
  return [
    [versioned("targets", targets), targets],
    [versioned("snapshot", snapshot), snapshot],
    ...allRoots.map(
      (bytes) => [at(`${parseRole.root(bytes).signed.version}.root`), bytes] as const,
    ),
    [at("timestamp"), timestamp],
  ];
}

/** What the source has beside the signed catalog for people without banger. */
async function newChecksums(
  context: Context,
  content: MirrorContent,
): Promise<SignedChecksums | undefined> {
  const source = content.signed?.source;
  if (source === undefined) return undefined;
  const checksums = await fetchChecksums(source);
  if (checksums === undefined || areChecksumsOf(checksums.list, content)) return checksums;
  context.report({
    kind: "step",
    name: "mirror",
    text: `${mirrorNames.checksums} of ${source.label} is of another catalog, and is left out`,
  });
  return undefined;
}

function putChecksums(
  writer: Writer,
  folder: PublicFolder,
  content: MirrorContent,
  checksums: SignedChecksums | undefined,
): void {
  const { checksums: listKey, checksumsSignature: signatureKey } = mirrorNames;
  if (checksums !== undefined) {
    writer.put("checksums", listKey, checksums.list);
    writer.put("checksums", signatureKey, checksums.signature);
    return;
  }
  // Beside an unsigned catalog it is somebody's own.
  const list = content.signed && folder.read(listKey, maxChecksumsBytes);
  if (list === undefined || !areChecksumsOfAnother(list, content)) return;
  const signature = folder.read(signatureKey, maxChecksumsBytes);
  if (signature !== undefined) writer.remove("checksums", signatureKey, signature.length);
  writer.remove("checksums", listKey, list.length);
}
