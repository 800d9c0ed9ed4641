import type { Root, Targets } from "@tufjs/models";
import type { Catalog } from "../../core/catalog.ts";
import { maxCatalogBytes, parseCatalogText } from "../../core/catalog.ts";
import { catalogChanges, type EntryChange } from "../../core/catalog-changes.ts";
import { BangerError } from "../../core/errors.ts";
import { daysFromNow, daysSince } from "../../io/clock.ts";
import { sha256Of } from "../../io/hash.ts";
import { folderSource } from "../../io/repository-source.ts";
import { newTargets } from "../../trust/new-metadata.ts";
import { factsOf } from "../../trust/repository.ts";
import { noCatalog, readForEdit } from "../catalog-edit.ts";
import type { Context } from "../context.ts";
import {
  addSignature,
  idWithin,
  isComplete,
  notAllowed,
  type SignedMetadata,
} from "./signatures.ts";
import { catalogCopy, catalogCopyOf, namesCatalog } from "./signed-catalog.ts";
import { readSigningKey } from "./signing-key.ts";
import {
  listTargets,
  metadataFile,
  type MetadataFile,
  putTrustFile,
  readTrustFolder,
  removeTrustFile,
  requireRoot,
  type TrustFolder,
} from "./trust-folder.ts";
import { type TrustPlace, whileSigning } from "./trust-place.ts";

/** Whose signature is to be added to the catalog. */
export interface SignCatalogInput extends TrustPlace {
  /** A file or `env:NAME`; see {@link readSigningKey}. */
  readonly keyPlace: string;
  readonly checkout: string;
  /** Where the catalog's files are published, with a slash at its end. */
  readonly baseUrl: string;
  /** Begin anew although the signatures that are there are good: their time is soon over. */
  readonly renew: boolean;
  /** How long a new signature is good for. */
  readonly days: number;
}

/** What was signed. */
export interface SignCatalogResult {
  readonly catalog: Catalog;
  readonly sha256: string;
  readonly signed: SignedMetadata;
  /** The serial of the catalog that was signed before; undefined when none was. */
  readonly serialBefore: number | undefined;
  /** How this one differs from that one. */
  readonly changes: readonly EntryChange[];
}

/**
 * Adds one signature over the catalog as it is here. The first to sign it fixes version and expiry; the
 * others sign the same bytes.
 *
 * @throws {BangerError} `refused`, when the key may not sign catalogs, or the catalog goes back;
 * `failed`, when there is no root, or the key is none; `bad-catalog`; `verification-failed`, when what is
 * there is unsound; `busy`, `io`, `no-space`.
 */
export async function signCatalog(
  context: Context,
  input: SignCatalogInput,
): Promise<SignCatalogResult> {
  const { variables } = context.environment;
  const key = readSigningKey({ variables, checkout: input.checkout }, input.keyPlace);
  return whileSigning(context, input, async () => {
    const { catalog, text } = readForEdit(input.catalogFile, input.baseUrl);
    if (text === undefined) throw noCatalog(input.catalogFile);
    const bytes = new TextEncoder().encode(text);
    const trust = await readTrustFolder(input.trust);
    const root = requireRoot(trust);
    const id = idWithin(root.metadata.signed, "targets", key);
    if (id === undefined) throw notAllowed(key, "catalogs");
    const before = await catalogBefore(trust);
    if (before !== undefined && before.serial > catalog.serial) {
      throw new BangerError(
        "refused",
        `${input.catalogFile} goes back: its serial is ${catalog.serial}, ${before.serial} is signed already`,
        { hint: "no host takes it; a change of the catalog raises its serial" },
      );
    }
    const there = canStay(trust, root, bytes, input.renew) ? trust.targets : undefined;
    const item = there ?? beginTargets(trust, bytes, input.days);
    putTrustFile(input.trust, catalogCopy(sha256Of(bytes)), bytes);
    const signed = addSignature(input.trust, item, [root.metadata], id, key);
    if (there === undefined) tidy(trust, item);
    return {
      catalog,
      sha256: sha256Of(bytes),
      signed,
      serialBefore: before?.serial,
      changes: catalogChanges(before, catalog),
    };
  });
}

/** Whether the newest targets metadata is of this catalog, and the signature may go there. */
function canStay(
  { targets, signedTargets }: TrustFolder,
  root: MetadataFile<Root>,
  catalog: Uint8Array,
  renew: boolean,
): boolean {
  if (targets === undefined) return false;
  const { signed } = targets.metadata;
  if (!namesCatalog(signed, catalog) || daysSince(signed.expires) >= 0) return false;
  if (isComplete([factsOf("targets", root.metadata, targets.metadata)])) return !renew;
  // It may have been published, though a newer root wants other signatures.
  return targets !== signedTargets;
}

/** Never a version that somebody has signed: with one signature each for two catalogs it could become either. */
function beginTargets(
  trust: TrustFolder,
  catalog: Uint8Array,
  days: number,
): MetadataFile<Targets> {
  const version = (trust.targets?.version ?? 0) + 1;
  const metadata = newTargets({ version, expires: daysFromNow(days) }, catalog);
  return { file: metadataFile("targets", version), version, bytes: new Uint8Array(), metadata };
}

/** The catalog that enough people have signed last, if its copy is there. */
async function catalogBefore({ folder, signedTargets }: TrustFolder): Promise<Catalog | undefined> {
  const copy = signedTargets && catalogCopyOf(signedTargets.metadata.signed);
  if (signedTargets === undefined || copy === undefined) return undefined;
  const bytes = await folderSource(folder).read(copy, maxCatalogBytes);
  if (bytes === undefined || !namesCatalog(signedTargets.metadata.signed, bytes)) return undefined;
  return parseCatalogText(new TextDecoder().decode(bytes), copy);
}

/** Keeps what was signed last and what is signed now, and nothing that never came to be. */
function tidy({ folder, signedTargets }: TrustFolder, begun: MetadataFile<Targets>): void {
  const kept = [begun, ...(signedTargets === undefined ? [] : [signedTargets])];
  const files = kept.flatMap(({ file, metadata }) => [file, catalogCopyOf(metadata.signed)]);
  for (const file of listTargets(folder)) if (!files.includes(file)) removeTrustFile(folder, file);
}
