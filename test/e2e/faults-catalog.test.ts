/** Row 21 of the table of faults: catalogs that are not what they should be. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { textAt } from "../support/answers.ts";
import { recordFault } from "../support/fault-table.ts";
import { Sandbox } from "../support/sandbox.ts";

const template = new Sandbox();
const newer = template.bundle({ version: "6.12.2" });
const pull = ["kernel", "pull", "generic-6.12", "--json"];

beforeAll(async () => {
  template.writeCatalog([template.bundle({ version: "6.12.1" })]);
  template.useMirrors();
  expect(await template.banger(pull)).toMatchObject({ exitCode: 0 });
});

afterAll(() => template.dispose());

/** A machine with 6.12.1 installed, and 6.12.2 in its mirror. */
function machine(): Sandbox {
  const sandbox = new Sandbox();
  cpSync(template.state, sandbox.state, { recursive: true, verbatimSymlinks: true });
  sandbox.useMirrors(template.mirror);
  sandbox.setEnv("BANGER_CATALOG", sandbox.catalog);
  return sandbox;
}

const other = { ...newer, name: "debian-6.12", distro: "debian" };
const good = { version: 1, serial: 2, updated: "2026-02-01T00:00:00Z", entries: [newer, other] };

/** A number as it shall stand in the file, where JSON.stringify would write it in another way. */
const raw = (digits: string): string => `raw ${digits}`;

function textOf(catalog: unknown): string {
  return JSON.stringify(catalog, undefined, 2).replaceAll(/"raw ([^"]*)"/g, "$1");
}

/** The good catalog, with a field of the second entry changed or, with `undefined`, left out. */
function withField(field: string, value: unknown): string {
  return textOf({ ...good, entries: [newer, { ...other, [field]: value }] });
}

async function expectRefused(
  sandbox: Sandbox,
  text: string,
  wanted: RegExp,
  done: string,
): Promise<void> {
  writeFileSync(sandbox.catalog, text);
  const before = sandbox.snapshot();
  const run = await sandbox.banger(pull);
  const document: unknown = JSON.parse(run.stdout);
  const [code, message] = [textAt(document, "error.code"), textAt(document, "error.message")];
  const start = `cannot pull generic-6.12: cannot use the catalog ${sandbox.catalog}: `;
  expect([done, message]).toEqual([done, expect.stringContaining(start)]);
  expect([done, message.slice(start.length)]).toEqual([done, expect.stringMatching(wanted)]);
  expect(textAt(document, "error.hint")).toContain("docs/formats/catalog.md");
  expect(run.stderr).toMatch(/^banger: error: [^\p{Cc}\p{Cf}]+\nhint: [^\p{Cc}\p{Cf}]+\n$/u);
  expect([run.exitCode, code]).toEqual([1, "bad-catalog"]);
  expect(sandbox.snapshot()).toEqual(before);
  recordFault({ row: 21, done, exit: run.exitCode ?? "killed", code, store: "same" });
}

const sha256 = newer.tarball_sha256;
const noText = [undefined, null, 7, ["text"], ""];
const noNumbers = [undefined, null, "10", 0, -1, 1.5, raw("10.0"), raw("1e3"), raw("1e400")];
const noUrls = "/x //h/x http://h/x HTTP://h/x ftp://h/x file:///x javascript:x https:// https://h";
const noPlainUrls = `https://h/ https:///x https://ann:pw@h/x https://h:x/x https://[::1]/x
  https://h/x?a=b https://h/x#y https://h/%2e%2e/x https://h/../x https://h/a//x https://h\\x`;
const badFields: Readonly<Record<string, readonly unknown[]>> = {
  name: [...noText, "..", "a/b", ".lock", "__proto__", "A", "a b", "a\u202eb", "a..b", "a\n"],
  distro: [...noText, "Debian", "../debian", "a".repeat(65)],
  arch: [undefined, null, 7, ["x86_64"]],
  kernel_version: [...noText, 6.12, "latest", "6", "6.12.1/..", "6.12.1 "],
  tarball_url: [...noText, ...noUrls.split(/\s+/), ...noPlainUrls.split(/\s+/), "https://h/x y"],
  tarball_sha256: [...noText, sha256.toUpperCase(), sha256.slice(1), `${sha256}0`, `${sha256}\n`],
  size_bytes: [...noNumbers, 4 * 2 ** 30 + 1, raw("9007199254740993")],
  unpacked_bytes: [...noNumbers, 1023, 16 * 2 ** 30 + 1],
  description: [undefined, null, 7, ["text"], "x".repeat(1001)],
};

for (const [field, values] of Object.entries(badFields)) {
  test.concurrent(`row 21: a catalog with a bad ${field} is refused, entry and field named`, async () => {
    await using sandbox = machine();
    for (const value of values) {
      const wanted = new RegExp(
        `^(entry 2( \\(".*"\\))?: |entries\\[1\\]\\.)${field}: (is missing|must )`,
      );
      const shown = (JSON.stringify(value) ?? "missing").slice(0, 40);
      await expectRefused(sandbox, withField(field, value), wanted, `${field} ${shown}`);
    }
  });
}

const badHeads: Readonly<Record<string, readonly unknown[]>> = {
  version: [undefined, null, 0, 2, "1", raw("1.0")],
  serial: [undefined, null, 0, -1, 1.5, "2", raw("2.0"), raw("1e3"), raw("9007199254740993")],
  updated: [undefined, 7, "", "yesterday", "2026-13-01T00:00:00Z", "2026-02-01T00:00:00+01:00"],
  entries: [undefined, null, {}, "x"],
};

for (const [field, values] of Object.entries(badHeads)) {
  test.concurrent(`row 21: a catalog with a bad ${field} is refused, and the field named`, async () => {
    await using sandbox = machine();
    for (const value of values) {
      const wanted = new RegExp(`^${field}: (is missing|must )`);
      const shown = JSON.stringify(value) ?? "missing";
      await expectRefused(
        sandbox,
        textOf({ ...good, [field]: value }),
        wanted,
        `${field} ${shown}`,
      );
    }
  });
}

const text = textOf(good);
const arm64 = { ...newer, arch: "arm64" };
const wholes: Readonly<Record<string, readonly [text: string, wanted: RegExp]>> = {
  "an empty file": ["", /^it is not JSON: /],
  "half a file": [text.slice(0, -20), /^it is not JSON: /],
  "a comma too many": [text.replace(/\}\s*\]/, "},]"), /^it is not JSON: /],
  "a comment": [`// catalog\n${text}`, /^it is not JSON: /],
  "two documents": [text + text, /^it is not JSON: /],
  "a web page": ["<!doctype html><title>Sign in</title>", /^it is not JSON: /],
  "a control character": [text.replace("for tests", "for\u001b tests"), /^it is not JSON: /],
  "a hundred thousand brackets": ["[".repeat(100_000), /^it is not JSON: /],
  null: ["null", /^it must be/],
  "a list": ["[]", /^(it|version:) (must be|is missing)/],
  "an entry that is null": [textOf({ ...good, entries: [newer, null] }), /^entry 2: it must be/],
  "an entry that is text": [textOf({ ...good, entries: ["generic-6.12"] }), /^entry 1: it must be/],
  "a key that stands twice": [text.replace("{", '{"version": 1,'), /^version stands twice$/],
  "a key of an entry that stands twice": [
    text.replace('"name": "debian', '"name": "x-1.0", "name": "debian'),
    /^entries\[1\]\.name stands twice$/,
  ],
  "a key that stands twice, once in disguise": [
    text.replace('"name": "debian', String.raw`"n\u0061me": "x-1.0", "name": "debian`),
    /^entries\[1\]\.name stands twice$/,
  ],
  "an entry that stands twice": [
    textOf({ ...good, entries: [newer, arm64, { ...newer, kernel_version: "6.12.9" }] }),
    /^entry 3 \("generic-6\.12"\): name: generic-6\.12:x86_64 stands twice$/,
  ],
};

for (const [what, [whole, wanted]] of Object.entries(wholes)) {
  test.concurrent(`row 21: a catalog that is or has ${what} is refused`, async () => {
    await using sandbox = machine();
    await expectRefused(sandbox, whole, wanted, what);
  });
}

test.concurrent("row 21: a catalog that cannot be read is refused", async () => {
  await using sandbox = machine();
  const before = sandbox.snapshot();
  const large = join(sandbox.folder, "large.json");
  writeFileSync(large, " ".repeat(17 * 2 ** 20));
  for (const [catalog, wanted] of [
    ["/nowhere.json", /^bad-catalog: .*there is no catalog \/nowhere\.json$/],
    [sandbox.work, /^io: .*cannot read .*: it is a folder$/],
    [large, /^bad-catalog: .*it is 17825792 bytes, at most 16777216 are expected$/],
  ] as const) {
    const run = await sandbox.banger(pull, { env: { BANGER_CATALOG: catalog } });
    const document: unknown = JSON.parse(run.stdout);
    const [code, message] = [textAt(document, "error.code"), textAt(document, "error.message")];
    expect(`${code}: ${message}`).toMatch(wanted);
    expect(message).toContain(catalog);
    expect(run.exitCode).toBe(1);
    expect(sandbox.snapshot()).toEqual(before);
    const done = catalog === large ? "17 MiB" : catalog === sandbox.work ? "a folder" : "no file";
    recordFault({ row: 21, done, exit: 1, code, store: "same" });
  }
});

test.concurrent("row 21: every command that reads the catalog refuses a bad one", async () => {
  await using sandbox = machine();
  writeFileSync(sandbox.catalog, withField("size_bytes", 0));
  for (const args of [
    ["kernel", "list", "--available"],
    ["kernel", "list"],
    ["kernel", "outdated"],
    ["kernel", "show", "generic-6.12"],
  ]) {
    const run = await sandbox.banger([...args, "--json"]);
    expect(run.exitCode).toBe(1);
    expect(textAt(JSON.parse(run.stdout), "error.message")).toMatch(/entry 2 .*: size_bytes: /);
  }
  expect(await sandbox.banger(["doctor"])).toMatchObject({
    exitCode: 7,
    stdout: expect.stringMatching(/^finding catalog: .*entry 2 .*: size_bytes: /m),
  });
});

test.concurrent("row 21: what a newer catalog may bring is passed over", async () => {
  await using sandbox = machine();
  const reserved = {
    vmlinux_sha256: sha256,
    tree_sha256: sha256,
    sidecars: [{ kind: "tomorrow", url: "https://h/a.json", sha256, size_bytes: 1, more: [7] }],
    tags: ["lts", 7, null],
    proof: { boots: true, seconds: 1.14, __proto__: null },
    support: { until: "2028-12" },
    "a field of tomorrow": { deep: JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`) },
  };
  const entries = [
    { name: "../evil", arch: "riscv64", size_bytes: -1 },
    { arch: "loongarch64" },
    { ...newer, ...reserved, description: "" },
    { ...newer, arch: "riscv64" },
    { ...newer, arch: "arm64", tarball_url: "https://h:8443/a/b_c~1+2.tar.zst" },
  ];
  writeFileSync(sandbox.catalog, textOf({ ...good, ...reserved, entries }));
  const list = await sandbox.banger(["kernel", "list", "--available", "--all-arch", "--json"]);
  expect(JSON.parse(list.stdout)).toMatchObject({
    entries: [{ arch: "x86_64", description: "" }, { arch: "arm64" }],
  });
  expect(await sandbox.banger(pull)).toMatchObject({ exitCode: 0 });
  const code = "-";
  recordFault({ row: 21, done: "fields, archs of tomorrow", exit: 0, code, store: "as wanted" });
});
