import { catalogAge, expiredRole } from "./catalog-age.ts";
import type { CatalogStanding } from "./catalog-standing.ts";
import type { Context } from "./context.ts";
import { type Diagnosis, problem } from "./diagnosis.ts";

/** Looks at the catalog in use: whether it can be read, how old it is, and how a newer one is had. */
export async function diagnoseCatalog(context: Context): Promise<Diagnosis[]> {
  const { root } = context.embedded;
  try {
    const standing = await context.standing();
    return [ageOf(standing, root), updatesOf(standing, root)];
  } catch (error) {
    return [problem("catalog", error)];
  }
}

function ageOf(standing: CatalogStanding, root: string | undefined): Diagnosis {
  const { serial, updated, entries } = standing.catalog;
  const { days, isOld, remedy } = catalogAge(standing, root);
  const message = `catalog ${serial} of ${updated}, ${entries.length} kernels`;
  if (!isOld) return { check: "catalog", ok: true, message };
  return { check: "catalog", ok: false, message: `${message}, is ${days} days old`, fix: remedy };
}

function updatesOf(standing: CatalogStanding, root: string | undefined): Diagnosis {
  const check = "updates";
  const { from, kept, fault } = standing;
  if (from === "file") {
    return { check, ok: true, message: "BANGER_CATALOG names the catalog, which is not updated" };
  }
  if (root === undefined) {
    const message =
      "this banger was built without a root of trust: a newer catalog comes with a newer release";
    return { check, ok: true, message };
  }
  if (fault !== undefined) return problem(check, fault);
  if (kept === undefined) {
    return { check, ok: true, message: "there was none yet: banger catalog update" };
  }
  const expired = expiredRole(standing);
  if (expired !== undefined) {
    return {
      check,
      ok: false,
      message: `the signatures of catalog ${standing.catalog.serial} expired on ${expired.expires} (${expired.role})`,
      fix: "to see whether there is a newer one: banger catalog update",
    };
  }
  const { source, checked_at: checkedAt } = kept.record;
  return { check, ok: true, message: `last verified ${checkedAt}, from ${source}` };
}
