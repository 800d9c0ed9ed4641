import { daysSince } from "../io/clock.ts";
import type { RoleFacts } from "../trust/repository.ts";
import type { CatalogStanding } from "./catalog-standing.ts";

/** From how many days on a catalog is called old. */
export const oldCatalogDays: number = 30;

/** How long ago a catalog was the newest, as far as is known, and what to do about it. */
export interface CatalogAge {
  /** Whole days; 0 when it lies ahead. */
  readonly days: number;
  readonly isOld: boolean;
  /** How a newer one is had. */
  readonly remedy: string;
}

/**
 * The age of the catalog that counts: since its last change, or since it was last found to be the
 * newest, where that is later. What had expired when it was found proves nothing about that day.
 *
 * @param root of the build; undefined when it has none.
 */
export function catalogAge(
  { catalog, from, kept }: CatalogStanding,
  root: string | undefined,
): CatalogAge {
  const timestamp = kept?.roles.find(({ role }) => role === "timestamp");
  const sinceChecked =
    kept === undefined || timestamp === undefined
      ? Number.NaN
      : Math.max(daysSince(kept.record.checked_at), daysSince(timestamp.expires));
  const sinceUpdated = daysSince(catalog.updated);
  const exact = Number.isNaN(sinceChecked) ? sinceUpdated : Math.min(sinceUpdated, sinceChecked);
  return {
    days: Math.max(0, Math.floor(exact)),
    isOld: exact > oldCatalogDays,
    remedy: remedyOf(from, root),
  };
}

function remedyOf(from: CatalogStanding["from"], root: string | undefined): string {
  if (from === "file") return "put a newer one in the place that BANGER_CATALOG names";
  if (root !== undefined) return "fetch a newer one: banger catalog update";
  return "install the newest release of banger: each carries the catalog of its day";
}

/** What of the signatures of the catalog in use expired first; undefined when nothing has. */
export function expiredRole({ from, kept }: CatalogStanding): RoleFacts | undefined {
  if (from !== "updated") return undefined;
  return kept?.roles
    .filter(({ expires }) => daysSince(expires) >= 0)
    .toSorted((a, b) => daysSince(b.expires) - daysSince(a.expires))[0];
}
