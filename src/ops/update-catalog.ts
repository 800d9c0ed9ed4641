import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { CatalogSource } from "../core/catalog-source.ts";
import { defaultCatalog } from "../core/reference.ts";
import { now } from "../io/clock.ts";
import { folderSource, type RepositorySource } from "../io/repository-source.ts";
import { putCatalogRecord, withCatalogLock } from "../store/catalog-records.ts";
import { putCatalogSource } from "../store/catalog-sources.ts";
import { type KeptRepository, readKept, recordOf } from "../trust/kept-repository.ts";
import { refreshRepository, type RefreshBase } from "../trust/refresh.ts";
import type { RepositoryFiles } from "../trust/repository.ts";
import { takeExpired } from "../trust/take-folder.ts";
import { catalogStanding, type CatalogStanding, newerOf } from "./catalog-standing.ts";
import type { Context } from "./context.ts";
import { mirrorPlace } from "./mirrors.ts";
import { webRepository } from "./web-repository.ts";

/** Where the signed catalog is, when no mirror has it. */
export const publicRepository = "https://kernels.thaloco.com";

export interface UpdateInput {
  /** A folder to take it from, and no other place. */
  readonly from: string | undefined;
  /** Take it although its time is over; only with `from`. */
  readonly acceptExpired: boolean;
}

export interface UpdateResult {
  readonly outcome: "updated" | "current";
  /** Where it came from. */
  readonly source: string;
  /** The serial that counted before. */
  readonly serialBefore: number;
  readonly standing: CatalogStanding;
}

/**
 * Fetches the signed catalog and verifies it. What is there stays in use until that is done, and when
 * it fails.
 *
 * @throws {BangerError} `failed`, when this banger has no root to verify it by; `verification-failed`,
 * when it does not verify, has expired or is older; `bad-catalog`, when it needs a newer banger;
 * `network`, `timeout`, `busy`, `bad-state`, `io`, `no-space`; the signal's reason.
 */
export async function updateCatalog(context: Context, input: UpdateInput): Promise<UpdateResult> {
  const { environment, embedded, scope } = context;
  const root = requireRoot(context);
  return withCatalogLock(environment, waitingAs(context), async (scratch) => {
    const before = await catalogStanding(context);
    const builtIn = embedded.catalog();
    const { source, kept } = await fetchCatalog(context, input, {
      trustedRoot: new TextEncoder().encode(root),
      known: before.kept?.files,
      scratch,
    });
    putCatalogRecord(environment, scope?.name ?? defaultCatalog, kept.record);
    const standing = newerOf(builtIn, kept);
    const outcome = standing.catalog.serial === before.catalog.serial ? "current" : "updated";
    return { outcome, source, serialBefore: before.catalog.serial, standing };
  });
}

/**
 * Fetches a catalog for the first time, verifies it by the root that was given, and remembers both.
 *
 * @param context the world as {@link scopeToSource} shows it.
 * @param isThere tells that it is there already, and throws when it may not be added; called under the lock.
 * @returns undefined when it is there.
 * @throws as {@link updateCatalog}, and what `isThere` throws; nothing is added then.
 */
export async function addFetched(
  context: Context,
  catalog: CatalogSource,
  acceptExpired: boolean,
  isThere: () => boolean,
): Promise<UpdateResult | undefined> {
  const { environment, embedded } = context;
  return withCatalogLock(environment, waitingAs(context), async (scratch) => {
    if (isThere()) return undefined;
    const input = acceptExpired
      ? { from: catalog.place, acceptExpired }
      : { from: undefined, acceptExpired };
    const { source, kept } = await fetchCatalog(context, input, {
      trustedRoot: new TextEncoder().encode(catalog.root),
      known: undefined,
      scratch,
    });
    putCatalogRecord(environment, catalog.name, kept.record);
    putCatalogSource(environment, catalog);
    const standing = newerOf(embedded.catalog(), kept);
    return { outcome: "updated", source, serialBefore: 0, standing };
  });
}

function waitingAs({ signal, report }: Context): Parameters<typeof withCatalogLock>[1] {
  return {
    signal,
    onWait: (holder) => {
      report({ kind: "waiting", name: "catalog", holder });
    },
  };
}

/** The root that updates are verified by. @throws {BangerError} `failed`, `usage` */
function requireRoot({ environment, embedded, scope }: Context): string {
  if (environment.catalogFile !== undefined) {
    throw new BangerError("usage", "BANGER_CATALOG names the catalog: there is nothing to update", {
      hint: "unset BANGER_CATALOG, then run the same command again",
    });
  }
  if (embedded.root !== undefined) return embedded.root;
  if (scope !== undefined) {
    throw new BangerError("not-found", `the catalog ${scope.name} was removed`, {
      hint: `its kernels are still here; to add it again: banger catalog add ${scope.name} URL --root FILE`,
    });
  }
  throw new BangerError(
    "failed",
    "this banger was built without a root of trust, and cannot verify a catalog",
    {
      hint: "a newer release carries a newer catalog; to build with a root: make build TRUST_ROOT=FILE",
    },
  );
}

interface FetchedCatalog {
  /** As messages call where it came from. */
  readonly source: string;
  readonly kept: KeptRepository;
}

async function fetchCatalog(
  context: Context,
  input: UpdateInput,
  base: RefreshBase,
): Promise<FetchedCatalog> {
  if (input.acceptExpired && input.from === undefined) {
    throw new BangerError(
      "usage",
      "--accept-expired is for --from: what is fetched must be fresh",
      {
        hint: "to take a folder as it is: banger catalog update --from FOLDER --accept-expired",
      },
    );
  }
  if (input.from !== undefined) {
    const take = input.acceptExpired ? takeExpired : refreshRepository;
    return fetchFrom(context, base, folderSource(path.resolve(input.from)), take);
  }
  const failures: BangerError[] = [];
  for (const source of sourcesOf(context)) {
    try {
      return await fetchFrom(context, base, source, refreshRepository);
    } catch (error) {
      if (!(error instanceof BangerError) || ![4, 5].includes(error.exitCode)) throw error;
      failures.push(error);
      context.report({
        kind: "source-failed",
        name: "catalog",
        source: source.label,
        failure: error,
      });
    }
  }
  throw (
    failures.find(({ exitCode }) => exitCode === 4) ?? failures.at(-1) ?? new Error("no source")
  );
}

/** What one place has, if it is good enough to be kept: another may have better. */
async function fetchFrom(
  { embedded }: Context,
  base: RefreshBase,
  source: RepositorySource,
  take: (base: RefreshBase, source: RepositorySource) => Promise<RepositoryFiles>,
): Promise<FetchedCatalog> {
  const { label } = source;
  const files = await take(base, source);
  // What is kept is judged by the code that will read it.
  const kept = readKept(base.trustedRoot, recordOf(files, label, now()));
  const { serial: floor } = embedded.catalog();
  if (kept.parsed.serial >= floor) return { source: label, kept };
  throw new BangerError(
    "verification-failed",
    `the catalog of ${label} is older than the one within banger: its serial is ${kept.parsed.serial}, that one's is ${floor}`,
    { hint: "nothing was changed: the catalog within banger stays in use" },
  );
}

/** Where the signed catalog is looked for, in order. @throws {BangerError} `usage`, for a mirror that is none */
export function sourcesOf(context: Context): RepositorySource[] {
  const { environment, scope } = context;
  const sourceAt = (mirror: string): RepositorySource => {
    const place = mirrorPlace(mirror);
    return place.kind === "http" ? webRepository(context, place.url) : folderSource(place.folder);
  };
  // The mirrors have banger's own catalog.
  if (scope?.place !== undefined) return [sourceAt(scope.place)];
  return [...environment.mirrors.map(sourceAt), webRepository(context, publicRepository)];
}
