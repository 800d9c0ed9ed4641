/** Under which licences others' work is in the executables, and their texts. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as v from "valibot";
import type { RuntimePart } from "./bun-runtime.ts";
import type { CompiledPackage } from "./compiled-in.ts";

const repository = resolve(import.meta.dirname, "..");

/** Licences that an npm package may have to be compiled in: they ask for their text, and for nothing else. */
export const allowedForPackages: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
]);

/** Licences that Bun's runtime comes with as well. The LGPL's two are dealt with in THIRD-PARTY-LICENSES. */
export const allowedForRuntime: ReadonlySet<string> = new Set([
  ...allowedForPackages,
  "IJG",
  "LGPL-2.0",
  "LGPL-2.1",
  "LLVM-exception",
  "Unicode-3.0",
  "Zlib",
  "blessing",
]);

/** The licences that an expression of SPDX names: `LGPL-2.0-or-later AND MIT` → `LGPL-2.0`, `MIT`. */
export function licenseIds(expression: string): string[] {
  return expression
    .split(/[\s()]+/)
    .filter((word) => word !== "" && !/^(?:AND|OR|WITH)$/.test(word))
    .map((id) => id.replace(/-or-later$|-only$|\+$/, ""));
}

/** @returns `NAME: LICENCE` for each that is not allowed; a package without a licence is not. */
export function forbiddenLicenses(
  works: readonly { readonly name: string; readonly license: string }[],
  allowed: ReadonlySet<string>,
): string[] {
  return works
    .filter(({ license }) => license === "" || licenseIds(license).some((id) => !allowed.has(id)))
    .map(({ name, license }) => `${name}: ${license === "" ? "no licence" : license}`);
}

const textSchema = v.object({ licenseText: v.string() });

/** The text of a licence of the SPDX list. */
function standardText(id: string): string {
  if (id === "LLVM-exception")
    return readFileSync(join(import.meta.dirname, "llvm-exception.txt"), "utf8");
  const file = join(repository, "node_modules/spdx-license-list/licenses", `${id}.json`);
  const { licenseText } = v.parse(textSchema, JSON.parse(readFileSync(file, "utf8")));
  // Whose it is stands with the work.
  return licenseText.replace(/^Copyright \(c\) <year>.*\n/m, "");
}

const personSchema = v.union([v.string(), v.object({ name: v.string() })]);
const manifestSchema = v.object({ author: v.optional(personSchema) });

/** The licence of a package as it came with it; without one, that of the SPDX list. */
function packageText({ folder, name, license }: CompiledPackage): string {
  const files = readdirSync(join(repository, folder))
    .filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file))
    .sort();
  const read = (file: string): string => readFileSync(join(repository, folder, file), "utf8");
  if (files.length > 0) return files.map(read).join("\n\n");
  const { author } = v.parse(manifestSchema, JSON.parse(read("package.json")));
  const person = typeof author === "object" ? author.name : author;
  const texts = licenseIds(license).map(standardText);
  return [`Copyright (c) ${person ?? `the authors of ${name}`}`, ...texts].join("\n\n");
}

/** No spaces or empty lines at the ends, no line of another system. */
function tidy(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[ \t]+$/gm, "")
    .trim();
}

const line = "=".repeat(78);

/**
 * THIRD-PARTY-LICENSES.txt: what is in the executables, of whom, and under which licence.
 *
 * @param version Bun's.
 */
export function licensesText(
  packages: readonly CompiledPackage[],
  parts: readonly RuntimePart[],
  version: string,
): string {
  const ids = [...new Set(parts.flatMap(({ license }) => licenseIds(license)))].sort();
  return `${[
    "banger's executables contain the work of others. This file names it, and has the licences.",
    `1. Packages of npm, each with its licence as it came with it
2. Bun ${version}, the runtime, and what Bun links into it
3. The texts of the licences that part 2 names`,
    `${line}\n1. Packages of npm\n${line}`,
    ...packages.map(
      (each) => `${each.name} ${each.version} (${each.license})\n\n${tidy(packageText(each))}`,
    ),
    `${line}\n2. Bun ${version}\n${line}`,
    `Bun is licensed under MIT, and has other works in it: this is its own list of them.

JavaScriptCore and TinyCC are under the GNU Lesser (or Library) General Public License, and are linked statically.
Whoever wants other versions of them in banger builds Bun anew (https://github.com/oven-sh/bun, tag bun-v${version},
its LICENSE.md says how), and banger with it: everything of banger itself is in its repository as source, and
\`bun build --compile --compile-executable-path=FILE\` takes another runtime.`,
    ...[bunItself(version), ...parts].map(
      (part) => `${part.name}${part.version === undefined ? "" : ` ${part.version}`}
  ${part.license}
  Copyright (c) ${part.copyright}
  ${part.source}`,
    ),
    `${line}\n3. Licences\n${line}`,
    ...ids.map((id) => `--- ${id} ---\n\n${tidy(standardText(id))}`),
  ].join("\n\n")}\n`;
}

function bunItself(version: string): RuntimePart {
  const source = "https://github.com/oven-sh/bun";
  return { name: "Bun", version, license: "MIT", copyright: "the authors of Bun", source };
}
