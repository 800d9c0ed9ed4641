/** A release, and the papers in it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import Ajv from "ajv";
import * as v from "valibot";
import { runtimeParts } from "../../packaging/bun-runtime.ts";
import { compiledIn } from "../../packaging/compiled-in.ts";
import { ownExecutable, ReleaseFolder } from "../support/release.ts";
import { bangerExecutable } from "../support/sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");

let releases: ReleaseFolder;
let release: string;

beforeAll(() => {
  releases = new ReleaseFolder();
  release = releases.make("first");
}, 120_000);
afterAll(() => releases[Symbol.dispose]());

const read = (name: string): string => readFileSync(join(release, name), "utf8");
const sha256 = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");

describe("a release", () => {
  test("has the executable, its papers, completions and installer, and a sum of each", () => {
    const files = readdirSync(release).sort();
    expect(files).toEqual([
      "SHA256SUMS",
      "THIRD-PARTY-LICENSES.txt",
      ownExecutable,
      `${ownExecutable}.cdx.json`,
      "banger.bash",
      "banger.fish",
      "banger.zsh",
      "install.sh",
    ]);
    const summed = files.filter((name) => name !== "SHA256SUMS");
    const sums = summed.map((name) => `${sha256(join(release, name))}  ${name}\n`);
    expect(read("SHA256SUMS")).toBe(sums.join(""));
    expect(sha256(join(release, ownExecutable))).toBe(sha256(bangerExecutable()));
  });

  test("that is made again, at another time and in another place, has the same bytes", () => {
    const again = releases.make("second", { TZ: "Asia/Tokyo", LC_ALL: "C", HOME: "/nonexistent" });
    expect(readFileSync(join(again, "SHA256SUMS"), "utf8")).toBe(read("SHA256SUMS"));
  }, 120_000);

  test("has completions as the executable gives them", () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const given = execFileSync(bangerExecutable(), ["completion", shell], { encoding: "utf8" });
      expect(read(`banger.${shell}`)).toBe(given);
    }
  });

  test("is refused under another tag than its version, without an executable, and with a bad address", () => {
    expect(() => releases.make("third", {}, ["v99.0.0"])).toThrow("cannot release v99.0.0");
    expect(() => releases.make("third", { RELEASES: "http://kernels.invalid" })).toThrow(
      "expected an https:// address",
    );
    expect(() => releases.make("third", { RELEASE_KEY: "package.json" })).toThrow(
      "is no public key of minisign",
    );
    expect(() => releases.make("third", { SOURCE_DATE_EPOCH: "today" })).toThrow(
      "expected seconds",
    );
    expect(readdirSync(releases.folder).sort()).toEqual(["built", "first", "second"]);
  }, 120_000);
});

const componentSchema = v.object({
  name: v.string(),
  version: v.optional(v.string()),
  purl: v.optional(v.string()),
  "bom-ref": v.string(),
  hashes: v.optional(v.array(v.object({ alg: v.string(), content: v.string() }))),
  licenses: v.array(v.unknown()),
});
const billSchema = v.object({
  metadata: v.object({ timestamp: v.string(), component: componentSchema }),
  components: v.array(
    v.object({ ...componentSchema.entries, components: v.optional(v.array(componentSchema)) }),
  ),
  dependencies: v.array(v.object({ ref: v.string(), dependsOn: v.optional(v.array(v.string())) })),
});

const text = (): string => read(`${ownExecutable}.cdx.json`);
const bill = (): v.InferOutput<typeof billSchema> => v.parse(billSchema, JSON.parse(text()));

describe("the bill of materials", () => {
  test("keeps the schema of CycloneDX 1.6, which refuses one that is wrong", () => {
    const folder = join(repository, "node_modules/@cyclonedx/cyclonedx-library/res/schema");
    const schema = (name: string): object => {
      const parsed: unknown = JSON.parse(
        readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), "utf8"),
      );
      return v.parse(v.looseObject({}), parsed);
    };
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // By the names that these copies call each other by.
    for (const name of ["spdx", "jsf-0.82"]) {
      ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
    }
    const validate = ajv.compile(schema("bom-1.6"));
    validate(JSON.parse(text()));
    expect(validate.errors).toBeNull();
    for (const [right, wrong] of [
      ['"bomFormat": "CycloneDX"', '"bomFormat": "other"'],
      ['"type": "platform"', '"type": "thing"'],
      ['"id": "MIT"', '"id": "no such licence"'],
      ["urn:uuid:", "uuid:"],
    ] as const) {
      expect(text()).toContain(right);
      expect(validate(JSON.parse(text().replace(right, wrong)))).toBe(false);
    }
  });

  test("is of this very executable, of the time of its commit", () => {
    const { timestamp, component } = bill().metadata;
    const git = ["log", "-1", "--format=%ct"];
    const seconds = execFileSync("git", git, { cwd: repository, encoding: "utf8" });
    expect(Date.parse(timestamp) / 1000).toBe(Number(seconds));
    const content = sha256(bangerExecutable());
    expect(component.hashes).toEqual([{ alg: "SHA-256", content }]);
  });

  test("names what is compiled in, Bun, and what Bun links; nothing that only builds or tests", async () => {
    const { components } = bill();
    const packages = await compiledIn();
    const bun = components.find(({ name }) => name.startsWith("@oven/bun-linux-"));
    expect(bun?.version).toBe(Bun.version);
    expect(bun?.components?.map(({ name }) => name).sort()).toEqual(
      runtimeParts()
        .map(({ name }) => name)
        .sort(),
    );
    const npm = packages.map(({ name, version }) => purlOf(name, version));
    expect(components.map(({ purl }) => purl ?? "").sort()).toEqual(
      [...npm, purlOf(bun?.name ?? "", Bun.version)].sort(),
    );
    const names = components.map(({ name }) => name);
    expect(names).toContain("commander");
    expect(names.filter((name) => /typescript|oxlint|ajv|knip|fast-check/.test(name))).toEqual([]);
    expect(components.filter(({ hashes }) => hashes?.length !== 1)).toEqual([]);
    expect(components.filter(({ licenses }) => licenses.length !== 1)).toEqual([]);
  });

  test("tells what depends on what, as the bundler saw it", () => {
    const { dependencies, components, metadata } = bill();
    const of = (ref: string): readonly string[] =>
      dependencies.find((each) => each.ref === ref)?.dependsOn ?? [];
    const known = new Set(components.map((each) => each["bom-ref"]));
    const named = dependencies.flatMap(({ dependsOn }) => dependsOn ?? []);
    expect(named.filter((ref) => !known.has(ref))).toEqual([]);
    expect([...of(metadata.component["bom-ref"])].sort()).toEqual([...known].sort());
    const tuf = components.find(({ name }) => name === "tuf-js")?.["bom-ref"] ?? "";
    expect(of(tuf).join(" ")).toContain("pkg:npm/%40tufjs/models@");
  });

  test("says nothing of the machine that it was made on", () => {
    const told = text() + read("THIRD-PARTY-LICENSES.txt");
    expect(told).not.toContain(repository);
    expect(told).not.toContain(releases.folder);
    expect(told).not.toMatch(/node_modules|\/home\/|\/root\/|\/tmp\//);
  });
});

const purlOf = (name: string, version: string): string =>
  `pkg:npm/${name.replace("@", "%40")}@${version}`;

test("the licences have a text for each package, and for each licence of the runtime", async () => {
  const all = read("THIRD-PARTY-LICENSES.txt");
  const [packages = "", runtime = "", licences = ""] = all
    .split(/^={78}\n\d\. .*\n={78}$/m)
    .slice(1);
  for (const { name, version, license } of await compiledIn()) {
    const part = packages.split(`\n${name} ${version} (${license})\n`)[1] ?? "";
    expect(part.slice(0, 1500)).toMatch(/permission|granted|license/i);
  }
  for (const { name, license } of runtimeParts()) {
    expect(runtime).toContain(`\n${name}`);
    for (const id of license.replaceAll("-or-later", "").split(/ (?:AND|WITH) /)) {
      expect(licences.split(`--- ${id} ---\n`)[1]?.length ?? 0).toBeGreaterThan(200);
    }
  }
  expect(all).not.toMatch(/<year>|<copyright holders>/);
});
