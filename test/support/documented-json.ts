/** The tables of docs/formats/cli.md, and how a document differs from them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const documentation = readFileSync(join(import.meta.dirname, "../../docs/formats/cli.md"), "utf8");

/** A row of a table of keys. */
export interface Key {
  readonly place: string;
  readonly types: readonly string[];
  readonly optional: boolean;
}

/** The rows of the table whose first column is called `column`, in the section under `heading`. */
export function rowsOf(heading: string, column: string): readonly (readonly string[])[] {
  const section =
    documentation.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const lines = section.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${column} |`));
  if (start === -1) throw new Error(`docs/formats/cli.md has no table of ${column} in ${heading}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) => line.split("|").map((cell) => cell.trim()));
}

/** The table of keys in the section under `heading`. */
export function keysOf(heading: string): readonly Key[] {
  return rowsOf(heading, "key").map(([, place = "", type = ""]) => ({
    place: place.replaceAll("`", ""),
    types: type.replace(", optional", "").split(" or "),
    optional: type.endsWith(", optional"),
  }));
}

/** Of the document of an error. */
export const errorKeys: readonly Key[] = keysOf("Error document");

/** The commands whose documents have a table. */
export const commandsWithKeys: readonly string[] = [
  ...documentation.matchAll(/^## `banger (.*)`$/gm),
].map(([, command = ""]) => command);

const isText: Readonly<Record<string, RegExp>> = {
  text: /[^]/,
  path: /^\/[^\0]*$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  day: /^\d{4}-\d\d-\d\d$/,
  sha256: /^[0-9a-f]{64}$/,
  version: /^\d+\.\d+(\.\d+)?(-[\w.+~-]+)?$/,
  arch: /^(x86_64|arm64)$/,
};

function isOfType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "boolean") return typeof value === "boolean";
  if (type === "integer") return Number.isSafeInteger(value) && Number(value) >= 0;
  if (type === "list") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (typeof value !== "string") return false;
  if (type.startsWith("text: ")) return type.slice(6).split(", ").includes(value);
  return isText[type]?.test(value) === true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How a document differs from its table; also notes in `seen` which keys it has. */
export function* problems(
  value: unknown,
  keys: readonly Key[],
  seen: Set<string>,
  at = "",
): Generator<string, void> {
  if (!isObject(value)) {
    yield `${at} is no object`;
    return;
  }
  const children = keys.filter((key) => {
    const rest = key.place.startsWith(at) ? key.place.slice(at.length) : ".";
    return /^[^.[]+$/.test(rest);
  });
  const names = children.map((key) => key.place.slice(at.length));
  // A name of several that could not be done has only itself and its error.
  const isFailedName = at.endsWith("[].") && names.includes("error") && isObject(value["error"]);
  if (isFailedName && Object.keys(value).join() === "name,error") {
    yield* problems({ error: value["error"] }, errorKeys, new Set());
    return;
  }
  for (const name of Object.keys(value)) if (!names.includes(name)) yield `${at}${name} is unknown`;
  for (const { place, types, optional } of children) {
    const inner = value[place.slice(at.length)];
    if (inner === undefined) {
      if (!optional) yield `${place} is missing`;
      continue;
    }
    seen.add(place);
    if (!types.some((type) => isOfType(inner, type))) {
      yield `${place} is ${JSON.stringify(inner)}, expected ${types.join(" or ")}`;
    }
    const hasOwnKeys = (prefix: string): boolean =>
      keys.some((key) => key.place.startsWith(prefix));
    if (place.endsWith("error") && isObject(inner) && keys !== errorKeys) {
      yield* problems({ error: inner }, errorKeys, new Set());
    } else if (isObject(inner) && hasOwnKeys(`${place}.`)) {
      yield* problems(inner, keys, seen, `${place}.`);
    } else if (Array.isArray(inner) && hasOwnKeys(`${place}[].`)) {
      for (const element of inner) yield* problems(element, keys, seen, `${place}[].`);
    }
  }
}
