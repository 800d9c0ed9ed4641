import { expect, test } from "bun:test";
import { filesBelow, readRepositoryFile, sourcesBelow } from "./source-files.ts";

const folders = ["bin", "src", "test", "bench", "packaging"] as const;

test("no source file is over 300 lines", () => {
  const long = sourcesBelow(...folders)
    .map(({ path, text }) => `${path}: ${text.split("\n").length - 1}`)
    .filter((line) => Number(line.split(": ")[1]) > 300);
  expect(long).toEqual([]);
});

test("files are named in kebab-case", () => {
  const name = /\/[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|js|json|c|sh|txt|bin)$/;
  const files = filesBelow(...folders).filter((path) => !path.endsWith("/README.md"));
  expect(files.filter((path) => !name.test(path))).toEqual([]);
  const script = /\/[a-z0-9]+(?:-[a-z0-9]+)*(?:\.sh)?$/;
  expect(filesBelow("scripts").filter((path) => !script.test(path))).toEqual([]);
});

test("no file is called after nothing in particular", () => {
  const vague =
    /\/(?:utils?|helpers?|managers?|services?|common|misc)(?:\.|\/|-)|-(?:utils?|helpers?|manager|service)\./;
  expect(filesBelow(...folders).filter((path) => vague.test(path))).toEqual([]);
});

test("npm is told to run no install scripts, to pin exactly and to keep hosts out of the lock", () => {
  const settings = readRepositoryFile(".npmrc").split("\n");
  expect(settings).toContain("ignore-scripts=true");
  expect(settings).toContain("save-exact=true");
  expect(settings).toContain("omit-lockfile-registry-resolved=true");
  expect(settings.filter((line) => /registry\s*=|_auth|token/i.test(line))).toEqual([]);
});

test("package-lock.json pins every package by hash and names no host to get it from", () => {
  const lock: unknown = JSON.parse(readRepositoryFile("package-lock.json"));
  const found: string[] = [];
  const unpinned: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "string") {
      // Where a package asks for money is no place that anything comes from.
      if (/https?:|^git|^file:/.test(value) && !path.includes("/funding/")) found.push(path);
    } else if (typeof value === "object" && value !== null) {
      if ("resolved" in value) found.push(`${path}/resolved`);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${path}/${key}`);
    }
  };
  walk(lock, "");
  const packages =
    typeof lock === "object" && lock !== null && "packages" in lock ? lock.packages : {};
  for (const [name, entry] of Object.entries(packages ?? {})) {
    const isPinned = typeof entry === "object" && entry !== null && "integrity" in entry;
    if (name !== "" && !isPinned) unpinned.push(name);
  }
  expect(found).toEqual([]);
  expect(unpinned).toEqual([]);
});

test("package.json names exact versions only", () => {
  const project: unknown = JSON.parse(readRepositoryFile("package.json"));
  const versions =
    JSON.stringify(project).match(/(?:dependencies|devDependencies)":\{[^}]*\}/gi) ?? [];
  expect(versions).toHaveLength(2);
  for (const group of versions) {
    for (const [, version] of group.matchAll(/":"([^"]*)"/g))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  }
});
