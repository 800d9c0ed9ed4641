import {
  type Catalog,
  type CatalogEntry,
  findEntry,
  maxCatalogBytes,
  replacementOf,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import type { Reference } from "../core/reference.ts";
import { lookAt, readText, realPath, replaceFile } from "../io/files.ts";
import { byNameAndArch, catalogText, inOrder, parseCatalogStrictly } from "./catalog-text.ts";

/** A catalog file as it is, or as it is to begin. */
export interface CatalogFile {
  readonly file: string;
  /** Undefined when there is no such file yet. */
  readonly text: string | undefined;
  readonly catalog: Catalog;
}

/**
 * Reads a catalog that is going to be changed; one that is not there has no entries and serial 0.
 *
 * @param baseUrl where its files must be published; see {@link parseCatalogStrictly}.
 * @throws {BangerError} `bad-catalog`; `io`.
 */
export function readForEdit(file: string, baseUrl?: string): CatalogFile {
  const text = readText(file, maxCatalogBytes);
  const catalog: Catalog =
    text === undefined
      ? { version: 1, serial: 0, updated: "1970-01-01T00:00:00Z", entries: [] }
      : parseCatalogStrictly(text, file, baseUrl);
  return { file, text, catalog };
}

/** What becomes of the catalog file. */
export interface CatalogChange {
  readonly change: "added" | "replaced" | "removed" | "none";
  readonly serial: number;
}

/** A change that is worked out and not yet written. */
export interface CatalogPlan extends CatalogChange {
  /** The whole file as it will be. */
  readonly text: string;
  /** The lines that go (`-`) and come (`+`). */
  readonly diff: string;
}

/**
 * Works out the catalog with an entry in place of the one of its name and architecture. The serial
 * grows if that changes anything.
 *
 * @param updated the present: RFC 3339 in UTC.
 */
export function planPut(before: CatalogFile, entry: CatalogEntry, updated: string): CatalogPlan {
  return planPuts(before, [entry], updated);
}

/** The same for several entries at once, by which the serial grows once. */
export function planPuts(
  before: CatalogFile,
  entries: readonly CatalogEntry[],
  updated: string,
): CatalogPlan {
  const changes = entries.map((next) => ({
    old: before.catalog.entries.find((item) => byNameAndArch(item, next) === 0),
    next,
  }));
  return plan(before, changes, updated);
}

/** Works out the catalog without one of its entries. @param updated RFC 3339 in UTC */
export function planRemoval(
  before: CatalogFile,
  entry: CatalogEntry,
  updated: string,
): CatalogPlan {
  return plan(before, [{ old: entry, next: undefined }], updated);
}

interface EntryChange {
  readonly old: CatalogEntry | undefined;
  readonly next: CatalogEntry | undefined;
}

function plan(before: CatalogFile, changes: readonly EntryChange[], updated: string): CatalogPlan {
  const { catalog, text } = before;
  const others = catalog.entries.filter((item) => !changes.some(({ old }) => old === item));
  const entries = [...others, ...changes.flatMap(({ next }) => next ?? [])];
  if (text !== undefined && catalogText({ ...catalog, entries }) === text) {
    return { change: "none", serial: catalog.serial, text, diff: "" };
  }
  const serial = catalog.serial + 1;
  const lines = [
    ...(text === undefined
      ? []
      : [`-  "serial": ${catalog.serial}`, `-  "updated": "${catalog.updated}"`]),
    `+  "serial": ${serial}`,
    `+  "updated": "${updated}"`,
    ...changes.flatMap((item) => [
      ...(changes.length === 1 ? [] : [`@@ ${labelOf(item)}`]),
      ...lineChanges(linesOf(item.old), linesOf(item.next)),
    ]),
  ];
  const change = changes.some(({ old }) => old === undefined)
    ? "added"
    : changes.some(({ next }) => next === undefined)
      ? "removed"
      : "replaced";
  return {
    change,
    serial,
    text: catalogText({ ...catalog, serial, updated, entries }),
    diff: lines.join("\n"),
  };
}

function labelOf({ old, next }: EntryChange): string {
  const entry = next ?? old;
  return entry === undefined ? "" : `${entry.name}:${entry.arch}`;
}

function linesOf(entry: CatalogEntry | undefined): readonly string[] {
  return entry === undefined
    ? []
    : JSON.stringify(inOrder(entry), undefined, 2)
        .split("\n")
        .map((line) => `    ${line}`);
}

/** Fields stand in one order, so a line that both have, and that begins alike, is the same field. */
function lineChanges(before: readonly string[], after: readonly string[]): string[] {
  const gone = before.filter((line) => !after.includes(line)).map((line) => `-${line}`);
  const come = after.filter((line) => !before.includes(line)).map((line) => `+${line}`);
  return [...gone, ...come];
}

/**
 * Writes a worked-out change.
 *
 * @throws {BangerError} `bad-catalog`, when the outcome is not as {@link parseCatalogStrictly} wants it,
 * and nothing is written; `io`, `no-space`.
 */
export function writePlan(file: string, planned: CatalogPlan, baseUrl?: string): void {
  if (planned.change === "none") return;
  parseCatalogStrictly(planned.text, file, baseUrl);
  // A link stays one: the file that it leads to is what was read.
  replaceFile(lookAt(file)?.isSymbolicLink() === true ? realPath(file) : file, planned.text);
}

/** The entry that a reference names, to be changed or removed. @throws {BangerError} `not-found` */
export function entryToEdit(
  { catalog, file }: CatalogFile,
  { name, arch }: Pick<Reference, "name" | "arch">,
): CatalogEntry {
  const entry = findEntry(catalog, name, arch);
  if (entry !== undefined) return entry;
  const near = nearest(
    name,
    catalog.entries.map((item) => item.name),
  );
  const meant =
    catalog.entries.find((item) => item.name === name) ??
    catalog.entries.find((item) => item.name === near);
  throw new BangerError("not-found", `${file} has no entry ${name} for ${arch}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant.name}:${meant.arch}?`,
  });
}

/**
 * Refuses to take away an entry that another one, which is withdrawn, sends people to.
 *
 * @throws {BangerError} `refused`.
 */
export function refuseReplacement({ catalog }: CatalogFile, entry: CatalogEntry): void {
  const sender = catalog.entries.find((item) => replacementOf(catalog, item) === entry);
  if (sender === undefined) return;
  const { name, arch } = sender;
  throw new BangerError(
    "refused",
    `${name} (${arch}) is withdrawn, and is replaced by ${entry.name}`,
    {
      hint: `name another replacement first, or none: banger-maint withdraw ${name}:${arch} --reason …`,
    },
  );
}

/** For whoever cannot do without a catalog. */
export function noCatalog(file: string): BangerError {
  return new BangerError("bad-catalog", `there is no catalog ${file}`, {
    hint: "--catalog names another; without it, it is catalog/catalog.json of the checkout",
  });
}

/**
 * Puts an entry into the catalog file in place of the one of its name and architecture. The serial
 * grows if that changes anything; a file that does not exist yet begins with serial 1.
 *
 * @param updated the present: RFC 3339 in UTC.
 * @param baseUrl where the catalog's files must be published.
 * @throws {BangerError} `bad-catalog`, when the file or the entry breaks a rule; `io`, `no-space`.
 */
export function putEntry(
  file: string,
  entry: CatalogEntry,
  updated: string,
  baseUrl?: string,
): CatalogChange {
  const planned = planPut(readForEdit(file, baseUrl), entry, updated);
  writePlan(file, planned, baseUrl);
  return { change: planned.change, serial: planned.serial };
}
