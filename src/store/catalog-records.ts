import path from "node:path";
import type { CatalogName } from "../core/kernel-name.ts";
import {
  type CatalogRecord,
  maxCatalogRecordBytes,
  parseCatalogRecord,
} from "../core/catalog-record.ts";
import type { Environment } from "../io/environment.ts";
import {
  isTemporaryName,
  listNames,
  makeFolder,
  readText,
  removeTree,
  replaceFile,
} from "../io/files.ts";
import { FileLock, holderLabel, type LockOptions } from "../io/lock.ts";
import { checkInnerFolder, openFolder } from "./state-folder.ts";

/** Where a host keeps what it knows of signed catalogs. */
export function catalogsFolder(stateDir: string): string {
  return path.join(stateDir, "catalogs");
}

/** The file in which a host keeps the signed repository of a catalog. */
export function catalogRecordFile(stateDir: string, name: CatalogName): string {
  return path.join(catalogsFolder(stateDir), `${name}.json`);
}

/**
 * What is kept of a catalog. Anybody may have written it: verify it.
 *
 * @returns undefined when nothing is kept.
 * @throws {BangerError} `bad-state`, when it is damaged; `io`.
 */
export function readCatalogRecord(
  environment: Environment,
  name: CatalogName,
): CatalogRecord | undefined {
  const { stateDir } = environment;
  checkInnerFolder(catalogsFolder(stateDir), "read", environment);
  const file = catalogRecordFile(stateDir, name);
  const text = readText(file, maxCatalogRecordBytes);
  return text === undefined ? undefined : parseCatalogRecord(text, file);
}

/** Keeps a repository in the place of the one before, durably. Only under the lock. @throws {BangerError} `io`, `no-space` */
export function putCatalogRecord(
  { stateDir }: Environment,
  name: CatalogName,
  record: CatalogRecord,
): void {
  replaceFile(catalogRecordFile(stateDir, name), `${JSON.stringify(record)}\n`);
}

/**
 * Runs `work` while nobody else changes what is kept: of two updates, the one that has fetched the
 * older must not be the last to write.
 *
 * @param work gets a folder for what it needs for the moment, under temporary names.
 * @throws {BangerError} `bad-state`, `io`, `no-space`; the signal's reason; what `work` throws.
 */
export async function withCatalogLock<Result>(
  environment: Environment,
  options: Pick<LockOptions, "signal" | "onWait">,
  work: (scratch: string) => Promise<Result>,
): Promise<Result> {
  const stateDir = openFolder(environment.stateDir, "write", environment) ?? environment.stateDir;
  const folder = catalogsFolder(stateDir);
  checkInnerFolder(folder, "write", environment);
  makeFolder(folder);
  const holder = holderLabel("updating the catalog");
  const lock = await FileLock.acquire(path.join(folder, ".lock"), {
    ...options,
    holder,
    wait: true,
  });
  try {
    // What a killed update left.
    for (const name of listNames(folder).filter(isTemporaryName)) {
      removeTree(path.join(folder, name));
    }
    return await work(folder);
  } finally {
    lock.release();
  }
}
