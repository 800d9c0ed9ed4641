import { type CatalogEntry, findEntry, isOffered } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { KernelName } from "../core/kernel-name.ts";
import type { Reference } from "../core/reference.ts";
import { maxReasonLength, type Withdrawn } from "../core/withdrawn.ts";
import { now } from "../io/clock.ts";
import {
  type CatalogFile,
  type CatalogPlan,
  entryToEdit,
  planPut,
  readForEdit,
  refuseReplacement,
  writePlan,
} from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";

/** Why an entry must no longer be installed. */
export interface WithdrawReason {
  readonly reason: string;
  /** The entry of the same architecture that people are sent to. */
  readonly replacedBy: KernelName | undefined;
}

/** Which entry of which catalog to mark. */
export interface WithdrawInput {
  readonly reference: Reference;
  readonly catalogFile: string;
  readonly cache: string;
  readonly baseUrl: string;
  /** Undefined: the mark is taken away again. */
  readonly why: WithdrawReason | undefined;
  readonly dryRun: boolean;
  /** False: throw `busy` when the catalog is being changed. */
  readonly wait: boolean;
}

/** What became of the entry. */
export interface Withdrawal {
  readonly entry: CatalogEntry;
  readonly plan: CatalogPlan;
}

/**
 * Marks an entry as withdrawn, or takes the mark away. The entry and its files stay: whoever has the
 * kernel must be told, and may keep it.
 *
 * @throws {BangerError} `not-found`, also of the replacement; `usage`, for a reason that is none;
 * `refused`, when the replacement is withdrawn itself, or another entry is replaced by this one;
 * `bad-catalog`, `busy`, `io`, `no-space`.
 */
export async function withdrawEntry(context: Context, input: WithdrawInput): Promise<Withdrawal> {
  const { catalogFile, cache, wait, reference, why } = input;
  const doing = `withdrawing ${reference.name}`;
  return withCatalogLock(context, { catalogFile, cache, doing, wait }, async () => {
    const before = readForEdit(catalogFile, input.baseUrl);
    const old = entryToEdit(before, reference);
    if (why !== undefined) refuseReplacement(before, old);
    const entry = { ...old, withdrawn: why && markOf(before, old, why) };
    const plan = planPut(before, entry, now());
    if (!input.dryRun) writePlan(catalogFile, plan, input.baseUrl);
    return { entry, plan };
  });
}

function markOf(before: CatalogFile, old: CatalogEntry, why: WithdrawReason): Withdrawn {
  const reason = why.reason.trim();
  if (reason === "" || reason.length > maxReasonLength) {
    throw new BangerError(
      "usage",
      `the reason has ${reason.length} characters, 1 to ${maxReasonLength} are wanted`,
    );
  }
  const { replacedBy } = why;
  if (replacedBy !== undefined) requireReplacement(before, old, replacedBy);
  return { reason, since: old.withdrawn?.since ?? now(), replaced_by: replacedBy };
}

function requireReplacement(before: CatalogFile, old: CatalogEntry, name: KernelName): void {
  if (name === old.name) {
    throw new BangerError("usage", `${name} cannot be replaced by itself`, {
      hint: "a new build takes the place of a withdrawn one when it is published",
    });
  }
  const found = findEntry(before.catalog, name, old.arch);
  if (found !== undefined && isOffered(found)) return;
  const good = before.catalog.entries.filter(
    (entry) => entry.arch === old.arch && entry.name !== old.name && isOffered(entry),
  );
  throw new BangerError(
    found === undefined ? "not-found" : "refused",
    found === undefined
      ? `${before.file} has no entry ${name} for ${old.arch}`
      : `${name} (${old.arch}) is withdrawn itself`,
    {
      hint:
        good.length === 0
          ? "there is no other entry that is good: leave out --replaced-by"
          : `these are good: ${good.map((entry) => entry.name).join(", ")}`,
    },
  );
}
