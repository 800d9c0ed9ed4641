import type { Targets } from "@tufjs/models";
import { maxCatalogBytes } from "../../core/catalog.ts";
import { readText } from "../../io/files.ts";
import { sha256Of } from "../../io/hash.ts";
import { catalogTarget } from "../../trust/repository.ts";
import { noCatalog } from "../catalog-edit.ts";

/** The bytes of a catalog file. @throws {BangerError} `bad-catalog`, when there is none; `bad-state`, `io` */
export function catalogAt(file: string): Uint8Array {
  const text = readText(file, maxCatalogBytes);
  if (text === undefined) throw noCatalog(file);
  return new TextEncoder().encode(text);
}

/** Whether metadata names this very catalog. */
export function namesCatalog(targets: Targets, catalog: Uint8Array): boolean {
  const target = targets.targets[catalogTarget];
  return target?.length === catalog.length && target.hashes["sha256"] === sha256Of(catalog);
}

/** Where a signed catalog lies, in the trust folder and in the published repository. */
export function catalogCopy(sha256: string): string {
  return `targets/${sha256}.${catalogTarget}`;
}

/** The copy that metadata names; undefined when it names none. */
export function catalogCopyOf(targets: Targets): string | undefined {
  const sha256 = targets.targets[catalogTarget]?.hashes["sha256"];
  return sha256 === undefined ? undefined : catalogCopy(sha256);
}
