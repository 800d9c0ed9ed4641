import type { Catalog } from "../core/catalog.ts";
import type { CatalogSource } from "../core/catalog-source.ts";
import { BangerError } from "../core/errors.ts";
import type { CatalogName } from "../core/kernel-name.ts";
import { defaultCatalog } from "../core/reference.ts";
import { catalogSourceNames, readCatalogSource } from "../store/catalog-sources.ts";
import { KernelStore } from "../store/kernel-store.ts";
import { type CatalogStanding, standingInUse } from "./catalog-standing.ts";
import type { Context } from "./context.ts";

/** What is known of a catalog that was added and never fetched. */
const nothing: Catalog = {
  version: 1,
  serial: 0,
  updated: "1970-01-01T00:00:00Z",
  entries: [],
};

/**
 * The same world, seen through a catalog that was added. Its root vouches for nothing but its own
 * catalog, and its kernels are in a folder of their own.
 *
 * @param catalog undefined or `banger` for banger's own.
 * @throws {BangerError} `not-found`, when there is no such catalog and no kernel of one; `bad-state`, `io`.
 */
export function scopeTo(context: Context, catalog: CatalogName | undefined): Context {
  if (catalog === undefined || catalog === defaultCatalog) return context;
  const source = readCatalogSource(context.environment, catalog);
  if (source !== undefined) return scopeToSource(context, source);
  // A kernel outlives the catalog that it came from.
  const store = KernelStore.open(context.environment, "read");
  if (store.catalogs().includes(catalog)) return scoped(context, catalog);
  throw new BangerError("not-found", `there is no catalog ${catalog}`, {
    hint: `to add it: banger catalog add ${catalog} URL --root FILE\nsee which there are: banger catalog list`,
  });
}

/** The same world, seen through a catalog that is being added. */
export function scopeToSource(context: Context, source: CatalogSource): Context {
  return scoped(context, source.name, source);
}

/**
 * The world as each catalog shows it: banger's own first, then those that were added or have kernels
 * here. What was remembered of one and is damaged is reported, and does not keep the others.
 */
export function allScopes(context: Context): Context[] {
  const { environment } = context;
  const withKernels = KernelStore.open(environment, "read").catalogs();
  const names = new Set([...catalogSourceNames(environment), ...withKernels]);
  const scopes = [context];
  for (const name of [...names].toSorted()) {
    try {
      scopes.push(scopeTo(context, name));
    } catch (error) {
      if (!(error instanceof BangerError) || error.code !== "bad-state") throw error;
      context.report({ kind: "catalog-fault", failure: error });
    }
  }
  return scopes;
}

function scoped(context: Context, name: CatalogName, source?: CatalogSource): Context {
  const { environment } = context;
  let read: Promise<CatalogStanding> | undefined;
  const standing = (): Promise<CatalogStanding> => {
    read ??= standingInUse(inner);
    return read;
  };
  const inner: Context = {
    ...context,
    scope: { name, place: source?.place },
    environment: {
      ...environment,
      // Both speak of banger's own catalog.
      catalogFile: undefined,
      mirrors: [...(source === undefined ? [] : [source.place]), ...environment.mirrors],
    },
    embedded: { catalog: () => nothing, root: source?.root },
    standing,
    catalog: async () => (await standing()).catalog,
  };
  return inner;
}
