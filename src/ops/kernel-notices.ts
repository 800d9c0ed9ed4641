import { type Catalog, type CatalogEntry, replacementOf } from "../core/catalog.ts";
import { type CatalogName, qualifiedName } from "../core/kernel-name.ts";
import { endsBefore, type Support, type SupportEnd } from "../core/support.ts";
import type { Withdrawn } from "../core/withdrawn.ts";
import { now } from "../io/clock.ts";
import type { Standing } from "./list.ts";

/** What the catalog has against a kernel. */
export interface Notices {
  readonly withdrawn: Withdrawn | undefined;
  /** The good kernel that it sends people to in the place of a withdrawn one, as a reference has it. */
  readonly replacement: string | undefined;
  /** Until when the line is kept up, as far as the catalog knows. */
  readonly support: Support | undefined;
  /** Which of these ends are over. */
  readonly pastEnd: readonly SupportEnd[];
}

/**
 * What a catalog has against one of its entries.
 *
 * @param name of the catalog; undefined for banger's own.
 */
export function noticesOfEntry(
  catalog: Catalog,
  name: CatalogName | undefined,
  entry: CatalogEntry,
): Notices {
  const { withdrawn, support } = entry;
  const pastEnd = endsBefore(support, now().slice(0, 10));
  const good = replacementOf(catalog, entry);
  const replacement = good && qualifiedName(name, good.name);
  return { withdrawn, replacement, support, pastEnd };
}

/**
 * What a catalog has against an installed kernel, by the entry of its name and architecture. A
 * withdrawn entry stands for its build and those before it, since a name has one build at a time: were
 * an older one good, it would be the entry. Of a build from a newer catalog it says nothing.
 *
 * @param name of the catalog; undefined for banger's own.
 */
export function noticesOfInstalled(
  catalog: Catalog,
  name: CatalogName | undefined,
  entry: CatalogEntry | undefined,
  standing: Standing,
): Notices {
  const none = { withdrawn: undefined, replacement: undefined, support: undefined, pastEnd: [] };
  if (entry === undefined) return none;
  switch (standing) {
    case "current":
    case "outdated":
      return noticesOfEntry(catalog, name, entry);
    case "newer":
      return {
        ...noticesOfEntry(catalog, name, entry),
        withdrawn: undefined,
        replacement: undefined,
      };
    case "imported":
    case "unlisted":
    case "damaged":
      return none;
  }
}
