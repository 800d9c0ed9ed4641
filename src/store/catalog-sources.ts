import path from "node:path";
import { type CatalogSource, parseCatalogSource } from "../core/catalog-source.ts";
import { type CatalogName, isCatalogName } from "../core/kernel-name.ts";
import type { Environment } from "../io/environment.ts";
import { listNames, readText, removeFile, replaceFile, syncFolder } from "../io/files.ts";
import { catalogRecordFile, catalogsFolder } from "./catalog-records.ts";

/** A root has some kilobytes. */
const maxSourceBytes = 8 * 2 ** 20;
const ending = ".source.json";

function sourceFile(stateDir: string, name: CatalogName): string {
  return path.join(catalogsFolder(stateDir), `${name}${ending}`);
}

/** The catalogs that were added, by name. @throws {BangerError} `io` */
export function catalogSourceNames({ stateDir }: Environment): CatalogName[] {
  return listNames(catalogsFolder(stateDir))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .filter((name) => isCatalogName(name));
}

/** What was said when a catalog was added; undefined for one that was not. @throws {BangerError} `bad-state`, `io` */
export function readCatalogSource(
  { stateDir }: Environment,
  name: CatalogName,
): CatalogSource | undefined {
  const file = sourceFile(stateDir, name);
  const text = readText(file, maxSourceBytes);
  return text === undefined ? undefined : parseCatalogSource(text, file);
}

/** Adds a catalog, durably. Only under the lock of the catalogs. @throws {BangerError} `io`, `no-space` */
export function putCatalogSource({ stateDir }: Environment, source: CatalogSource): void {
  replaceFile(sourceFile(stateDir, source.name), `${JSON.stringify(source, undefined, 2)}\n`);
}

/** Forgets a catalog and what is kept of it, durably. Only under the lock of the catalogs. @throws {BangerError} `io` */
export function removeCatalogSource({ stateDir }: Environment, name: CatalogName): void {
  // The source first: what is kept without it counts for nothing.
  removeFile(sourceFile(stateDir, name));
  removeFile(catalogRecordFile(stateDir, name));
  syncFolder(catalogsFolder(stateDir));
}
