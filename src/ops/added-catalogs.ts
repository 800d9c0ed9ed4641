import path from "node:path";
import type { CatalogSource } from "../core/catalog-source.ts";
import { BangerError } from "../core/errors.ts";
import type { CatalogName } from "../core/kernel-name.ts";
import { redactUrl } from "../core/redact.ts";
import { defaultCatalog } from "../core/reference.ts";
import { now } from "../io/clock.ts";
import { lookAt, readText } from "../io/files.ts";
import { withCatalogLock } from "../store/catalog-records.ts";
import { readCatalogSource, removeCatalogSource } from "../store/catalog-sources.ts";
import { KernelStore } from "../store/kernel-store.ts";
import { maxMetadataBytes, verifyRoots } from "../trust/repository.ts";
import { scopeToSource } from "./catalog-scope.ts";
import type { Context } from "./context.ts";
import { mirrorPlace } from "./mirrors.ts";
import { addFetched, type UpdateResult } from "./update-catalog.ts";

export interface AddInput {
  readonly name: CatalogName;
  /** A folder, or an http, https or file URL. */
  readonly place: string;
  /** The file of the root that it is verified by. */
  readonly rootFile: string;
  /** Take it although its time is over; only from a folder. */
  readonly acceptExpired: boolean;
}

/** A catalog that is there now. */
export interface AddResult {
  readonly outcome: "added" | "current";
  readonly source: CatalogSource;
  /** Undefined when it was there before. */
  readonly fetched: UpdateResult | undefined;
}

/**
 * Adds a catalog under a name, once it has been fetched and verified by the root.
 *
 * @throws {BangerError} `usage`; `not-found`, when there is no root file; `refused`, when the name is
 * taken; and as an update does. Nothing is added then.
 */
export async function addCatalogSource(context: Context, input: AddInput): Promise<AddResult> {
  const { environment } = context;
  const { name, rootFile } = input;
  if (name === defaultCatalog) {
    throw new BangerError("usage", `${name} is the catalog that comes with banger`, {
      hint: "give yours another name",
    });
  }
  const place = placeOf(input);
  const source: CatalogSource = {
    version: 1,
    name,
    place,
    root: readRoot(rootFile),
    added_at: now(),
  };
  const fetched = await addFetched(
    scopeToSource(context, source),
    source,
    input.acceptExpired,
    () => isThere(context, source),
  );
  if (fetched === undefined) {
    return { outcome: "current", source: requireSource(context, name), fetched };
  }
  // From now on no kernel can have that name.
  KernelStore.open(environment, "write", name);
  return { outcome: "added", source, fetched };
}

function placeOf({ place, acceptExpired }: AddInput): string {
  const found = mirrorPlace(place, "the place of a catalog");
  if (found.kind === "folder") return found.folder;
  if (!acceptExpired) return found.url;
  throw new BangerError("usage", "--accept-expired is for a folder: what is fetched must be fresh");
}

function readRoot(file: string): string {
  const text = readText(path.resolve(file), maxMetadataBytes.root);
  if (text === undefined) throw new BangerError("not-found", `there is no file ${file}`);
  try {
    verifyRoots(new TextEncoder().encode(text), []);
  } catch (cause) {
    if (!(cause instanceof BangerError)) throw cause;
    throw new BangerError(cause.code, `${file} is no root of trust: ${cause.message}`, {
      hint: "ask whoever keeps the catalog for its root.json, over a way that you trust",
      cause,
    });
  }
  return text;
}

/** Whether the very same catalog is there. @throws {BangerError} `refused`, when its name is taken */
function isThere({ environment }: Context, { name, place, root }: CatalogSource): boolean {
  const taken = readCatalogSource(environment, name);
  if (taken?.place === place && taken.root === root) return true;
  if (taken !== undefined) {
    throw new BangerError(
      "refused",
      `there is a catalog ${name} already, of ${redactUrl(taken.place)}`,
      { hint: `to replace it, remove it first: banger catalog rm ${name}` },
    );
  }
  const { layout } = KernelStore.open(environment, "read");
  const there = lookAt(layout.link(name));
  if (there === undefined || there.isDirectory()) return false;
  throw new BangerError("refused", `there is a kernel ${name}, which is in the way of a catalog`, {
    hint: "give the catalog another name",
  });
}

/** What is left of a catalog that was forgotten. */
export interface RemoveResult {
  readonly source: CatalogSource;
  /** How many of its kernels are still installed. */
  readonly kernels: number;
}

/** The catalog of that name. @throws {BangerError} `not-found`, `usage`, `bad-state`, `io` */
export function requireSource({ environment }: Context, name: CatalogName): CatalogSource {
  const source = readCatalogSource(environment, name);
  if (source !== undefined) return source;
  if (name === defaultCatalog) {
    throw new BangerError("usage", `${name} is the catalog that comes with banger`);
  }
  throw new BangerError("not-found", `there is no catalog ${name}`, {
    hint: "see which there are: banger catalog list",
  });
}

/**
 * Forgets a catalog. Its kernels stay.
 *
 * @throws {BangerError} `not-found`, `usage`, `bad-state`, `io`.
 */
export async function removeCatalog(context: Context, name: CatalogName): Promise<RemoveResult> {
  const { environment, signal } = context;
  return withCatalogLock(environment, { signal }, async () => {
    const source = requireSource(context, name);
    removeCatalogSource(environment, name);
    const kernels = KernelStore.open(environment, "read", name).list().length;
    return Promise.resolve({ source, kernels });
  });
}
