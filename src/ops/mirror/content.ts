import path from "node:path";
import { type Catalog, parseCatalogText } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { lookThrough, realPath } from "../../io/files.ts";
import { readWhole } from "../../io/read-range.ts";
import type { RepositorySource } from "../../io/repository-source.ts";
import type { KeptRepository } from "../../trust/kept-repository.ts";
import { catalogStanding, type CatalogStanding } from "../catalog-standing.ts";
import { catalogText } from "../catalog-text.ts";
import type { Context } from "../context.ts";
import { mirrorPlace } from "../mirrors.ts";
import { sourcesOf, updateCatalog } from "../update-catalog.ts";

/** A catalog and what vouches for it, as a mirror is to carry them. */
export interface MirrorContent {
  readonly catalog: Catalog;
  /** The file, byte by byte. */
  readonly catalogBytes: Uint8Array;
  /** Undefined for a catalog that nobody has signed for us. */
  readonly signed: SignedContent | undefined;
}

/** The signed repository of a catalog. */
export interface SignedContent {
  readonly trustedRoot: Uint8Array;
  readonly kept: KeptRepository;
  /** Where it was fetched from just now; undefined when it was not. */
  readonly source: RepositorySource | undefined;
}

/**
 * The catalog to be mirrored: fetched and verified just now where this banger can, else the one that
 * counts here.
 *
 * @param refresh false: no server is asked.
 * @throws {BangerError} as {@link updateCatalog}.
 */
export async function mirrorContent(context: Context, refresh: boolean): Promise<MirrorContent> {
  const { environment, embedded } = context;
  const canRefresh = embedded.root !== undefined && environment.catalogFile === undefined;
  if (!refresh || !canRefresh) {
    return contentOf(context, await catalogStanding(context), undefined);
  }
  try {
    const { standing, source } = await updateCatalog(context, {
      from: undefined,
      acceptExpired: false,
    });
    const from = sourcesOf(context).find(({ label }) => label === source);
    return contentOf(context, standing, from);
  } catch (error) {
    if (!(error instanceof BangerError) || ![4, 5].includes(error.exitCode)) throw error;
    const way = "to mirror the catalog that is here, without asking: --no-refresh";
    throw new BangerError(error.code, error.message, {
      hint: error.hint === undefined ? way : `${error.hint}\n${way}`,
      cause: error,
    });
  }
}

function contentOf(
  { environment, embedded }: Context,
  { catalog, kept, from }: CatalogStanding,
  source: RepositorySource | undefined,
): MirrorContent {
  const { catalogFile } = environment;
  if (from === "file" && catalogFile !== undefined) {
    const bytes = readWhole(catalogFile);
    const parsed = parseCatalogText(new TextDecoder().decode(bytes), catalogFile);
    return { catalog: parsed, catalogBytes: bytes, signed: undefined };
  }
  // Of the embedded one too: an update may have brought nothing but its signatures.
  if (kept !== undefined && embedded.root !== undefined && kept.parsed.serial >= catalog.serial) {
    const trustedRoot = new TextEncoder().encode(embedded.root);
    return {
      catalog: kept.parsed,
      catalogBytes: kept.files.catalog,
      signed: { trustedRoot, kept, source },
    };
  }
  const bytes = new TextEncoder().encode(catalogText(catalog));
  return { catalog, catalogBytes: bytes, signed: undefined };
}

/**
 * The same world, in which one folder is no mirror: a mirror that is asked for what it shall get has
 * nothing new to tell.
 *
 * @param folder its real path.
 * @throws {BangerError} `usage`, for a mirror that is none.
 */
export function withoutMirror(context: Context, folder: string): Context {
  const { environment } = context;
  const mirrors = environment.mirrors.filter((mirror) => {
    const place = mirrorPlace(mirror);
    return place.kind !== "folder" || !isFolder(place.folder, folder);
  });
  return { ...context, environment: { ...environment, mirrors } };
}

function isFolder(candidate: string, folder: string): boolean {
  const absolute = path.resolve(candidate);
  return lookThrough(absolute) === undefined ? absolute === folder : realPath(absolute) === folder;
}
