import { describe, expect, test } from "bun:test";
import {
  importsOf,
  roomOf,
  type SourceFile,
  sourcesBelow,
  withoutComments,
} from "./source-files.ts";

/** Who may import whom: bin → cli → ops → {store, boot, trust} → io → core, over any number of steps. */
const below: Readonly<Record<string, readonly string[]>> = {
  bin: ["cli", "ops", "store", "boot", "trust", "io", "core", "catalog", "guest", "package.json"],
  cli: ["ops", "store", "boot", "trust", "io", "core"],
  ops: ["store", "boot", "trust", "io", "core"],
  store: ["io", "core"],
  boot: ["io", "core"],
  trust: ["io", "core"],
  io: ["core"],
  core: [],
};

const isOwn = (name: string): boolean =>
  /^(?:bin|src|test|catalog|bench|guest|packaging)\/|^package\.json$/.test(name);

/** `from → to` for each import that goes up, sideways or out of the house. */
function wrongWays(files: readonly SourceFile[]): string[] {
  return files.flatMap((source) => {
    const room = roomOf(source.path);
    return importsOf(source)
      .filter((name) => isOwn(name) || name.startsWith(".."))
      .filter((name) => roomOf(name) !== room && !(below[room] ?? []).includes(roomOf(name)))
      .map((name) => `${source.path} → ${name}`);
  });
}

/** `path: pattern` for each file whose code matches. */
function naming(files: readonly SourceFile[], ...patterns: readonly RegExp[]): string[] {
  return files.flatMap((source) => {
    const code = withoutComments(source.text);
    return patterns
      .map((pattern) => pattern.exec(code)?.[0])
      .filter((found) => found !== undefined)
      .map((found) => `${source.path}: ${found}`);
  });
}

const effects = [
  /(?<![\w/.])process\s*(?:\.|\[|\?\.)/,
  /["']node:(?:fs|fs\/promises|child_process|process|worker_threads)["']/,
  /["']node:(?:http|https|http2|net|tls|dgram|dns)["']/,
  /\bfetch\s*\(/,
  /\b(?:spawn|exec|execFile|fork)(?:Sync)?\s*\(\s*["'`[]/,
  /\bBun\s*\.|["']bun(?::\w+)?["']/,
];

const file = (path: string, text: string): SourceFile => ({ path, text });

describe("the house", () => {
  const sources = sourcesBelow("bin", "src");

  test("has something to look at in each of its rooms", () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)));
    expect([...rooms].sort()).toEqual(expect.arrayContaining(["bin", "cli", "core", "io", "ops"]));
  });

  test("has no rooms but the known ones", () => {
    expect(sources.filter(({ path }) => below[roomOf(path)] === undefined)).toEqual([]);
  });

  test("is walked one way: bin → cli → ops → {store, boot} → io → core", () => {
    expect(wrongWays(sources)).toEqual([]);
  });

  test("keeps node, bun and every package but valibot out of core", () => {
    const foreign = sourcesBelow("src/core").flatMap((source) =>
      importsOf(source)
        .filter((name) => !isOwn(name) && name !== "valibot")
        .map((name) => `${source.path} → ${name}`),
    );
    expect(foreign).toEqual([]);
  });

  test("names processes, files, the network and Bun in src/io only", () => {
    const outside = sources.filter(({ path }) => !path.startsWith("src/io/"));
    expect(naming(outside, ...effects)).toEqual([]);
  });

  test("keeps what is Bun's own in one file", () => {
    expect(naming(sources, /\bBun\s*\.|["']bun(?::\w+)?["']/)).toEqual([
      expect.stringMatching(/^src\/io\/libc\.ts: /),
    ]);
  });
});

describe("the watch over the house", () => {
  test.each([
    ["src/core/a.ts", 'import { b } from "../io/b.ts";', "src/io/b.ts"],
    ["src/io/a.ts", 'import type { B } from "../store/b.ts";', "src/store/b.ts"],
    ["src/store/a.ts", 'export * from "../boot/b.ts";', "src/boot/b.ts"],
    ["src/ops/a.ts", 'const b = await import("../cli/b.ts");', "src/cli/b.ts"],
    [
      "src/ops/a.ts",
      'import c from "../../catalog/catalog.json" with { type: "json" };',
      "catalog/catalog.json",
    ],
    ["src/cli/commands/a.ts", 'import "../../../bin/banger.ts";', "bin/banger.ts"],
    ["src/io/a.ts", 'import {\n  b,\n} from "../../test/support/b.ts";', "test/support/b.ts"],
  ])("sees that %s may not say %s", (path, text, target) => {
    expect(wrongWays([file(path, text)])).toEqual([`${path} → ${target}`]);
  });

  test.each([
    ["bin/a.ts", 'import c from "../catalog/catalog.json" with { type: "json" };'],
    ["src/cli/a.ts", 'import { b } from "../core/b.ts";'],
    ["src/io/a.ts", 'import * as fs from "node:fs"; // was: from "../store/b.ts"'],
  ])("lets %s say %s", (path, text) => {
    expect(wrongWays([file(path, text)])).toEqual([]);
  });

  test.each([
    "const id = `process ${process.pid}`;",
    "env(process['env'])",
    "import { readFileSync } from 'node:fs';",
    "await fetch(url)",
    'spawnSync("sh", [])',
    "Bun.file(path)",
    'import { dlopen } from "bun:ffi";',
  ])("sees the effect in %s", (text) => {
    expect(naming([file("src/ops/a.ts", text)], ...effects)).toHaveLength(1);
  });

  test("is not fooled by words in comments and names", () => {
    const text = "// process.exit and fetch(x)\n/** Bun.file */\nprefetch(x); reprocess.it();";
    expect(naming([file("src/ops/a.ts", text)], ...effects)).toEqual([]);
  });
});
