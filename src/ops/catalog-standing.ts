import type { Catalog } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { CatalogName } from "../core/kernel-name.ts";
import { defaultCatalog } from "../core/reference.ts";
import { loadCatalog } from "../io/catalog-file.ts";
import type { Environment } from "../io/environment.ts";
import { catalogRecordFile, readCatalogRecord } from "../store/catalog-records.ts";
import type { KeptRepository } from "../trust/kept-repository.ts";
import type { Context } from "./context.ts";

/** What is trusted and known of a catalog without an update. */
export interface Embedded {
  /** @throws {BangerError} `bad-catalog` */
  readonly catalog: () => Catalog;
  /** The text of the root that updates are verified by; undefined where there is none. */
  readonly root: string | undefined;
}

/** Which catalog counts, and why. */
export interface CatalogStanding {
  readonly catalog: Catalog;
  /** `file`: `BANGER_CATALOG` names it; `nothing`: a catalog that was added, of which nothing good is here. */
  readonly from: "embedded" | "updated" | "file" | "nothing";
  /** What the last update brought, when it verifies; it counts only when it is newer than what is embedded. */
  readonly kept: KeptRepository | undefined;
  /** Why what is kept is good for nothing. */
  readonly fault: BangerError | undefined;
}

/**
 * The newest of the embedded catalog and the last one that was verified. What is kept is verified each
 * time: whoever can write to the state folder can at most take it away.
 *
 * @throws {BangerError} `bad-catalog`, `io`.
 */
export async function catalogStanding({
  environment,
  embedded,
  scope,
}: Pick<Context, "environment" | "embedded" | "scope">): Promise<CatalogStanding> {
  const { catalogFile } = environment;
  if (catalogFile !== undefined) {
    return { catalog: loadCatalog(catalogFile), from: "file", kept: undefined, fault: undefined };
  }
  const catalog = embedded.catalog();
  const name = scope?.name ?? defaultCatalog;
  const { kept, fault } = await keptRepository(environment, name, embedded.root);
  return { ...newerOf(catalog, kept), fault };
}

/**
 * The same for those who use the catalog: when what an update brought is of no use, that is reported.
 *
 * @throws {BangerError} `bad-catalog`, `io`.
 */
export async function standingInUse(
  context: Pick<Context, "environment" | "embedded" | "scope" | "report">,
): Promise<CatalogStanding> {
  const standing = await catalogStanding(context);
  const { fault } = standing;
  if (fault !== undefined) context.report({ kind: "catalog-fault", failure: fault });
  return standing;
}

/** The catalog with the higher serial. */
export function newerOf(builtIn: Catalog, kept: KeptRepository | undefined): CatalogStanding {
  const isNewer = kept !== undefined && kept.parsed.serial > builtIn.serial;
  return {
    catalog: isNewer ? kept.parsed : builtIn,
    from: isNewer ? "updated" : builtIn.serial === 0 ? "nothing" : "embedded",
    kept,
    fault: undefined,
  };
}

/** What the last update brought, if it still verifies. */
async function keptRepository(
  environment: Environment,
  name: CatalogName,
  root: string | undefined,
): Promise<Pick<CatalogStanding, "kept" | "fault">> {
  if (root === undefined) return { kept: undefined, fault: undefined };
  try {
    const record = readCatalogRecord(environment, name);
    if (record === undefined) return { kept: undefined, fault: undefined };
    const { readKept } = await import("../trust/kept-repository.ts");
    return { kept: readKept(new TextEncoder().encode(root), record), fault: undefined };
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    const file = catalogRecordFile(environment.stateDir, name);
    const update = name === defaultCatalog ? "" : ` ${name}`;
    const fault = new BangerError(error.code, `${file} is of no use: ${error.message}`, {
      hint: `to fetch it again: banger catalog update${update}`,
      cause: error,
    });
    return { kept: undefined, fault };
  }
}
