import type { Metadata, Root } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { metadataBytes } from "../../trust/new-metadata.ts";
import { factsOf } from "../../trust/repository.ts";
import { rootChanges } from "../../trust/root-changes.ts";
import type { Context } from "../context.ts";
import { catalogAt, namesCatalog } from "./signed-catalog.ts";
import {
  addSignature,
  idWithin,
  isComplete,
  notAllowed,
  type SignedMetadata,
} from "./signatures.ts";
import { readSigningKey, type SigningKey } from "./signing-key.ts";
import {
  type MetadataFile,
  putTrustFile,
  readTrustFolder,
  rootCopy,
  type TrustFolder,
} from "./trust-folder.ts";
import { type TrustPlace, whileSigning } from "./trust-place.ts";

/** Whose signature is to be added. */
export interface SignTrustInput extends TrustPlace {
  /** A file or `env:NAME`; see {@link readSigningKey}. */
  readonly keyPlace: string;
  readonly checkout: string;
}

/** What was signed. */
export interface SignTrustResult {
  readonly signed: readonly SignedMetadata[];
  /** What a signed root changes; see {@link rootChanges}. */
  readonly changes: readonly string[];
}

/**
 * Adds a signature to all that waits for it and that the key may sign: a root, a catalog. A root that
 * has enough of them becomes the one that builds embed.
 *
 * @throws {BangerError} `refused`, when the key may sign nothing of it; `failed`, when nothing waits, or
 * the key is none; `verification-failed`, when what is there is unsound; `busy`, `io`, `no-space`.
 */
export async function signTrust(context: Context, input: SignTrustInput): Promise<SignTrustResult> {
  const { variables } = context.environment;
  const key = readSigningKey({ variables, checkout: input.checkout }, input.keyPlace);
  return whileSigning(context, input, async () => {
    const trust = await readTrustFolder(input.trust);
    const root = signRoot(trust, key);
    const catalog = signPendingCatalog(trust, key, input.catalogFile);
    const signed = [root, catalog].filter((item) => item !== undefined);
    if (signed.length === 0) throw nothingFor(trust, key);
    const pending = root === undefined ? undefined : trust.pendingRoot;
    const before = trust.roots.at(-1)?.metadata.signed;
    const changes = pending === undefined ? [] : rootChanges(before, pending.metadata.signed);
    return { signed, changes };
  });
}

function signRoot(trust: TrustFolder, key: SigningKey): SignedMetadata | undefined {
  const { folder, roots, pendingRoot } = trust;
  if (pendingRoot === undefined) return undefined;
  const judges = judgesOf(roots, pendingRoot);
  const id = judges.map(({ signed }) => idWithin(signed, "root", key)).find(Boolean);
  if (id === undefined) return undefined;
  const result = addSignature(folder, pendingRoot, judges, id, key);
  if (isComplete(result.needs)) putTrustFile(folder, rootCopy, metadataBytes(pendingRoot.metadata));
  return result;
}

/** A new root is signed for by those who were trusted until now, and by those who will be. */
export function judgesOf(
  roots: readonly MetadataFile<Root>[],
  pending: MetadataFile<Root>,
): Metadata<Root>[] {
  const before = roots.at(-1)?.metadata;
  return before === undefined ? [pending.metadata] : [before, pending.metadata];
}

/** The catalog that somebody has signed already, if it is the one that is here: nobody signs another unseen. */
function signPendingCatalog(
  { folder, roots, targets }: TrustFolder,
  key: SigningKey,
  catalogFile: string,
): SignedMetadata | undefined {
  const root = roots.at(-1)?.metadata;
  if (root === undefined || targets === undefined) return undefined;
  if (isComplete([factsOf("targets", root, targets.metadata)])) return undefined;
  const id = idWithin(root.signed, "targets", key);
  if (id === undefined) return undefined;
  if (!namesCatalog(targets.metadata.signed, catalogAt(catalogFile))) {
    throw new BangerError(
      "refused",
      `${targets.file} is of another catalog than ${catalogFile}: it is not signed`,
      { hint: "to sign the catalog that is here: scripts/banger-maint catalog sign --key FILE" },
    );
  }
  return addSignature(folder, targets, [root], id, key);
}

function nothingFor(
  { folder, pendingRoot, roots, targets }: TrustFolder,
  key: SigningKey,
): BangerError {
  if (pendingRoot !== undefined) return notAllowed(key, pendingRoot.file);
  const root = roots.at(-1)?.metadata;
  if (root !== undefined && idWithin(root.signed, "targets", key) !== undefined) {
    const what =
      targets === undefined ? "no catalog" : `nothing but ${targets.file}, which is complete`;
    return new BangerError("failed", `nothing in ${folder} waits for this key: there is ${what}`, {
      hint: "to sign the catalog that is here: scripts/banger-maint catalog sign --key FILE",
    });
  }
  const mayRoot = root !== undefined && idWithin(root.signed, "root", key) !== undefined;
  if (mayRoot) {
    return new BangerError(
      "failed",
      `nothing in ${folder} waits for this key: the root is complete`,
    );
  }
  return notAllowed(key, `anything in ${folder}`);
}
