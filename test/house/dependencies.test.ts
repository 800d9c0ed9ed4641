/** What others' work may do here, and be. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { runtimeParts, runtimePackage } from "../../packaging/bun-runtime.ts";
import { compiledIn } from "../../packaging/compiled-in.ts";
import {
  allowedForPackages,
  allowedForRuntime,
  forbiddenLicenses,
  licenseIds,
} from "../../packaging/licenses.ts";
import { readRepositoryFile } from "./source-files.ts";

const lockSchema = v.object({
  packages: v.record(
    v.string(),
    v.looseObject({ hasInstallScript: v.optional(v.boolean()), dev: v.optional(v.boolean()) }),
  ),
});
const { packages } = v.parse(lockSchema, JSON.parse(readRepositoryFile("package-lock.json")));

const compiled = await compiledIn();

describe("the dependencies", () => {
  test("have no install script but Bun's own, which is not run either", () => {
    const scripted = Object.entries(packages).filter(
      ([, entry]) => entry.hasInstallScript === true,
    );
    expect(scripted.map(([path]) => path)).toEqual(["node_modules/bun"]);
  });

  test("that are compiled in have licences that ask for their text alone", () => {
    expect(compiled.map(({ name }) => name)).toEqual(expect.arrayContaining(["tuf-js", "valibot"]));
    expect(forbiddenLicenses(compiled, allowedForPackages)).toEqual([]);
  });

  test("that package.json names for the executable are in it", () => {
    const names = new Set(compiled.map(({ name }) => name));
    const schema = v.object({ dependencies: v.record(v.string(), v.string()) });
    const project = v.parse(schema, JSON.parse(readRepositoryFile("package.json")));
    const unused = Object.keys(project.dependencies).filter((name) => !names.has(name));
    expect(unused).toEqual([]);
  });
});

describe("the runtime", () => {
  test("is the Bun that the lock pins for each architecture, and what it links is known", () => {
    const versions = (["banger-linux-x64", "banger-linux-arm64"] as const).map(
      (name) => runtimePackage(name).version,
    );
    expect(versions).toEqual([Bun.version, Bun.version]);
    expect(runtimeParts().length).toBeGreaterThan(30);
    expect(forbiddenLicenses(runtimeParts(), allowedForRuntime)).toEqual([]);
  });

  test("of another Bun, with another library in it, is noticed", () => {
    const { zstd, ...without } = process.versions;
    expect(() => runtimeParts({ ...process.versions, libfoo: "1" })).toThrow(/libfoo$/);
    expect(() => runtimeParts(without)).toThrow(/zstd$/);
    expect(zstd).toMatch(/^[0-9a-f]{40}$/);
  });
});

describe("the watch over licences", () => {
  test.each([
    ["MIT", []],
    ["(MIT AND BSD-2-Clause)", []],
    ["MIT AND GPL-3.0-or-later", ["a: MIT AND GPL-3.0-or-later"]],
    ["LGPL-2.1-only", ["a: LGPL-2.1-only"]],
    ["SEE LICENSE IN x", ["a: SEE LICENSE IN x"]],
    ["", ["a: no licence"]],
  ])("judges %j", (license, found) => {
    expect(forbiddenLicenses([{ name: "a", license }], allowedForPackages)).toEqual([...found]);
  });

  test("knows the licences of an expression", () => {
    expect(licenseIds("(LGPL-2.0-or-later AND MIT) OR Apache-2.0 WITH LLVM-exception")).toEqual([
      "LGPL-2.0",
      "MIT",
      "Apache-2.0",
      "LLVM-exception",
    ]);
  });
});
