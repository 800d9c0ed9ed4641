import { type Metadata, MetadataKind, type Root, type Targets } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { metadataBytes } from "../../trust/new-metadata.ts";
import { factsOf, type RoleFacts, type RoleName } from "../../trust/repository.ts";
import { signatureBy } from "../../trust/role-key.ts";
import type { SigningKey } from "./signing-key.ts";
import { type MetadataFile, putTrustFile } from "./trust-folder.ts";

/** What became of one piece of metadata that somebody signs. */
export interface SignedMetadata {
  readonly role: RoleName;
  readonly file: string;
  readonly version: number;
  /** RFC 3339. */
  readonly expires: string;
  /** `already`: this key has signed these bytes before. `complete`: it needs no more signatures. */
  readonly outcome: "signed" | "already" | "complete";
  /** The id of the key. */
  readonly key: string;
  /** Who may sign it, by each root that has a say. */
  readonly needs: readonly RoleFacts[];
}

/** How many signatures are still missing. */
export function missingSignatures({ keys, threshold }: RoleFacts): number {
  return Math.max(0, threshold - keys.filter(({ signed }) => signed).length);
}

/** Whether enough people have signed. */
export function isComplete(needs: readonly RoleFacts[]): boolean {
  return needs.every((facts) => missingSignatures(facts) === 0);
}

/** The id under which a root knows a key for a role; undefined when the key may not sign it. */
export function idWithin(root: Root, role: RoleName, { key }: SigningKey): string | undefined {
  return root.roles[role]?.keyIDs.find(
    (id) => id === key.keyID || root.keys[id]?.keyVal["public"] === key.keyVal["public"],
  );
}

/** For a key that may sign nothing of what there is to sign. */
export function notAllowed({ key }: SigningKey, what: string): BangerError {
  return new BangerError("refused", `the key ${key.keyID} may not sign ${what}`, {
    hint: "which keys may: scripts/banger-maint trust status",
  });
}

/**
 * Adds one signature to metadata, and writes it. What needs no more signatures is left as it is: it may
 * have been published, and a published file never changes.
 *
 * @param judges the roots by which it must be signed; the key may sign by one of them.
 * @throws {BangerError} `io`, `no-space`.
 */
export function addSignature(
  folder: string,
  item: MetadataFile<Root> | MetadataFile<Targets>,
  judges: readonly Metadata<Root>[],
  id: string,
  { signer }: SigningKey,
): SignedMetadata {
  const { file, version, metadata } = item;
  const role = metadata.signed.type === MetadataKind.Root ? "root" : "targets";
  const needsNow = (): RoleFacts[] => judges.map((root) => factsOf(role, root, metadata));
  const before = needsNow();
  const told = { role, file, version, expires: metadata.signed.expires, key: id } as const;
  if (isComplete(before)) return { ...told, outcome: "complete", needs: before };
  const hasSigned = before.some(({ keys }) => keys.some((key) => key.id === id && key.signed));
  if (hasSigned) return { ...told, outcome: "already", needs: before };
  metadata.sign(signatureBy(id, signer));
  putTrustFile(folder, file, metadataBytes(metadata));
  return { ...told, outcome: "signed", needs: needsNow() };
}
