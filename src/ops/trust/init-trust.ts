import type { Key } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { daysFromNow } from "../../io/clock.ts";
import { type AllHolders, metadataBytes, newRoot } from "../../trust/new-metadata.ts";
import { type RoleName, roleNames } from "../../trust/repository.ts";
import type { Context } from "../context.ts";
import { readRoleKey } from "./signing-key.ts";
import { metadataFile, putTrustFile, readTrustFolder } from "./trust-folder.ts";
import { type TrustPlace, whileSigning } from "./trust-place.ts";

/** Who is to sign what. */
export interface InitTrustInput extends TrustPlace {
  /** Files of public keys, by role. */
  readonly keyFiles: Readonly<Record<RoleName, readonly string[]>>;
  readonly thresholds: Readonly<Record<RoleName, number>>;
  /** How long the root is good for. */
  readonly days: number;
}

/** A root that waits for signatures. */
export interface ProposedRoot {
  readonly file: string;
  readonly version: number;
  readonly expires: string;
  readonly holders: AllHolders;
}

/**
 * Writes the first root, which nobody has signed yet, from public keys alone.
 *
 * @throws {BangerError} `refused`, when there is a root already; `usage`, when keys and thresholds do
 * not fit; `failed`, when a key is none; `busy`, `io`, `no-space`.
 */
export async function initTrust(context: Context, input: InitTrustInput): Promise<ProposedRoot> {
  return whileSigning(context, input, async () => {
    const { roots, pendingRoot } = await readTrustFolder(input.trust);
    const there = roots.at(-1) ?? pendingRoot;
    if (there !== undefined) {
      throw new BangerError("refused", `${input.trust} has a root already: ${there.file}`, {
        hint: "to change its keys: scripts/banger-maint trust rotate ROLE",
      });
    }
    const { keyFiles, thresholds } = input;
    const of = (role: RoleName): AllHolders[RoleName] => ({
      keys: keyFiles[role].map(readRoleKey),
      threshold: thresholds[role],
    });
    return proposeRoot(input.trust, {
      version: 1,
      expires: daysFromNow(input.days),
      holders: {
        root: of("root"),
        targets: of("targets"),
        snapshot: of("snapshot"),
        timestamp: of("timestamp"),
      },
    });
  });
}

/** Writes an unsigned root. @throws {BangerError} `usage`, when keys and thresholds do not fit; `io`, `no-space` */
export function proposeRoot(folder: string, proposed: Omit<ProposedRoot, "file">): ProposedRoot {
  const { version, expires, holders } = proposed;
  requireSound(holders);
  const file = metadataFile("root", version);
  putTrustFile(folder, file, metadataBytes(newRoot({ version, expires }, holders)));
  return { file, ...proposed };
}

function requireSound(holders: AllHolders): void {
  const seen = new Map<string, RoleName>();
  for (const role of roleNames) {
    const { keys, threshold } = holders[role];
    for (const { keyID } of keys) requireNew(keyID, role, seen);
    if (threshold < 1 || threshold > keys.length) {
      throw new BangerError(
        "usage",
        `${role} has ${keys.length} keys, of which ${threshold} must sign: at least that many are wanted, and at least one`,
      );
    }
  }
}

/** Who has two keys of one person has one person. */
function requireNew(id: Key["keyID"], role: RoleName, seen: Map<string, RoleName>): void {
  const other = seen.get(id);
  if (other !== undefined) {
    const where = other === role ? `${role} twice` : `${other} and ${role}`;
    throw new BangerError("usage", `the key ${id} is given for ${where}`, {
      hint: "each key is for one role, once: what CI holds must not sign what people sign",
    });
  }
  seen.set(id, role);
}
