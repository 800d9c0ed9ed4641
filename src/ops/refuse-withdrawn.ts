import { type Catalog, type CatalogEntry, replacementOf } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { type CatalogName, qualifiedName } from "../core/kernel-name.ts";

/**
 * Refuses an entry that is withdrawn, and says why.
 *
 * @param name of the catalog; undefined for banger's own.
 * @throws {BangerError} `refused`.
 */
export function refuseWithdrawn(
  catalog: Catalog,
  name: CatalogName | undefined,
  entry: CatalogEntry,
): void {
  const { withdrawn, arch, kernel_version: version } = entry;
  if (withdrawn === undefined) return;
  const good = replacementOf(catalog, entry);
  const replacement = good && qualifiedName(name, good.name);
  const instead =
    replacement === undefined
      ? "see what there is: banger kernel list --available"
      : `it is replaced by ${replacement}: banger kernel pull ${replacement}:${arch}`;
  throw new BangerError(
    "refused",
    `Linux ${version} was withdrawn on ${withdrawn.since.slice(0, 10)}: ${withdrawn.reason}`,
    {
      hint: `${instead}\nto install it all the same: banger kernel pull --allow-withdrawn ${qualifiedName(name, entry.name)}:${arch}`,
    },
  );
}
