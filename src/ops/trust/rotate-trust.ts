import type { Key } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { daysFromNow } from "../../io/clock.ts";
import { holdersOf, type RoleHolders } from "../../trust/new-metadata.ts";
import type { RoleName } from "../../trust/repository.ts";
import { rootChanges } from "../../trust/root-changes.ts";
import { parseRole } from "../../trust/repository.ts";
import type { Context } from "../context.ts";
import { type ProposedRoot, proposeRoot } from "./init-trust.ts";
import { readRoleKey } from "./signing-key.ts";
import { readTrustFolder, requireRoot, type TrustFolder } from "./trust-folder.ts";
import { type TrustPlace, whileSigning } from "./trust-place.ts";
import { readWhole } from "../../io/read-range.ts";
import path from "node:path";

/** Which keys come and go. */
export interface RotateTrustInput extends TrustPlace {
  readonly role: RoleName;
  /** Files of public keys. */
  readonly add: readonly string[];
  /** Key ids, or what they begin with. */
  readonly remove: readonly string[];
  /** How many must sign; undefined: as many as before. */
  readonly threshold: number | undefined;
  /** How long the root is good for. */
  readonly days: number;
}

/** A root that waits for signatures, and what it changes. */
export interface RotateTrustResult extends ProposedRoot {
  readonly changes: readonly string[];
}

/**
 * Writes the next root, which nobody has signed yet. Without a change of keys it is the old one, good for
 * longer. One that waits and that nobody has signed is changed further.
 *
 * @throws {BangerError} `refused`, when one waits that somebody has signed; `usage`, when keys and
 * threshold do not fit; `failed`, when there is no root, or a key is none; `busy`, `io`, `no-space`.
 */
export async function rotateTrust(
  context: Context,
  input: RotateTrustInput,
): Promise<RotateTrustResult> {
  return whileSigning(context, input, async () => {
    const trust = await readTrustFolder(input.trust);
    const root = requireRoot(trust);
    refuseSigned(trust);
    const before = (trust.pendingRoot ?? root).metadata.signed;
    const holders = holdersOf(before);
    const proposed = proposeRoot(input.trust, {
      version: root.version + 1,
      expires: daysFromNow(input.days),
      holders: { ...holders, [input.role]: rotated(holders[input.role], input) },
    });
    const written = parseRole.root(readWhole(path.join(input.trust, proposed.file)));
    return { ...proposed, changes: rootChanges(root.metadata.signed, written.signed) };
  });
}

/** Two roots of one version, each signed by some, could both become good. */
function refuseSigned({ folder, pendingRoot }: TrustFolder): void {
  if (pendingRoot === undefined) return;
  const count = Object.keys(pendingRoot.metadata.signatures).length;
  if (count === 0) return;
  throw new BangerError(
    "refused",
    `${pendingRoot.file} waits for signatures, and has ${count} already: it is not changed`,
    {
      hint: `let the others sign it first: scripts/banger-maint trust sign --key FILE\nor give it up, and let nobody sign it any more: rm ${path.join(folder, pendingRoot.file)}`,
    },
  );
}

function rotated(
  before: RoleHolders,
  { role, add, remove, threshold }: RotateTrustInput,
): RoleHolders {
  const gone = remove.map((id) => keyOf(before.keys, id, role).keyID);
  const stay = before.keys.filter(({ keyID }) => !gone.includes(keyID));
  return {
    keys: [...stay, ...add.map(readRoleKey)],
    threshold: threshold ?? before.threshold,
  };
}

const minIdDigits = 8;

function keyOf(keys: readonly Key[], id: string, role: RoleName): Key {
  const found = keys.filter(({ keyID }) => keyID.startsWith(id));
  const [key] = found;
  if (key !== undefined && found.length === 1 && id.length >= minIdDigits) return key;
  throw new BangerError("usage", `${role} has no key ${JSON.stringify(id)}`, {
    hint: `its keys are ${keys.map(({ keyID }) => keyID).join(", ")}; at least ${minIdDigits} digits are wanted`,
  });
}
