import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CatalogEntry } from "../../src/core/catalog.ts";
import { BangerError } from "../../src/core/errors.ts";
import { parseKernelName } from "../../src/core/kernel-name.ts";
import { isKernelVersion } from "../../src/core/kernel-version.ts";
import { putEntry } from "../../src/ops/catalog-edit.ts";
import { checkCatalog } from "../../src/ops/check-catalog.ts";
import { packBundle } from "../../src/ops/pack-bundle.ts";
import { smallKernel } from "../support/small-kernel.ts";

const early = "2026-01-01T00:00:00Z";
const late = "2026-02-03T04:05:06Z";
let folder = "";
let catalog = "";
let bundles = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-catalog-"));
  catalog = join(folder, "catalog.json");
  bundles = join(folder, "bundles");
  mkdirSync(bundles);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Packs a kernel of this version and returns its entry. */
async function packed(
  version: string,
  arch: "x86_64" | "arm64" = "x86_64",
  distro = "generic",
): Promise<CatalogEntry> {
  if (!isKernelVersion(version)) throw new Error(`${version} is no kernel version`);
  const from = mkdtempSync(join(folder, "from-"));
  writeFileSync(join(from, "vmlinux"), smallKernel({ arch, version }));
  const name = parseKernelName(`${distro}-${version.split(".").slice(0, 2).join(".")}`);
  const kernelVersion = version;
  const description = `Linux ${version}`;
  const out = bundles;
  const { signal } = new AbortController();
  const input = { from, out, name, distro, arch, kernelVersion, description, signal };
  return (await packBundle(input)).entry;
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BangerError)
      return `${error.code}: ${error.message.replaceAll(folder, "")}`;
    throw error;
  }
  return "no refusal";
}

function fileOf(entry: CatalogEntry): string {
  return entry.tarball_url.replace(/^.*\//, "");
}

const keysInOrder = [
  "name",
  "distro",
  "arch",
  "kernel_version",
  "tarball_url",
  "tarball_sha256",
  "size_bytes",
  "unpacked_bytes",
  "vmlinux_sha256",
  "description",
];

describe("putting an entry into the catalog", () => {
  test("begins a catalog that is not there with serial 1", async () => {
    const entry = await packed("6.12.1");
    expect(putEntry(catalog, entry, early)).toEqual({ change: "added", serial: 1 });
    const text = readFileSync(catalog, "utf8");
    const value = JSON.parse(text);
    expect(value).toEqual({ version: 1, serial: 1, updated: early, entries: [{ ...entry }] });
    expect(text).toBe(`${JSON.stringify(value, null, 2)}\n`);
    expect(Object.keys(value.entries[0])).toEqual(keysInOrder);
  });

  test("sorts by name, then architecture, whatever the order in which they came", async () => {
    putEntry(catalog, await packed("6.18.2"), early);
    putEntry(catalog, await packed("6.12.1"), early);
    putEntry(catalog, await packed("6.12.1", "arm64"), early);
    putEntry(catalog, await packed("6.12.1", "x86_64", "debian"), late);
    const value = JSON.parse(readFileSync(catalog, "utf8"));
    expect(value.serial).toBe(4);
    expect(value.updated).toBe(late);
    expect(value.entries.map((entry: CatalogEntry) => `${entry.name} ${entry.arch}`)).toEqual([
      "debian-6.12 x86_64",
      "generic-6.12 arm64",
      "generic-6.12 x86_64",
      "generic-6.18 x86_64",
    ]);
  });

  test("replaces the entry of the same name and architecture", async () => {
    putEntry(catalog, await packed("6.12.1"), early);
    putEntry(catalog, await packed("6.12.1", "arm64"), early);
    expect(putEntry(catalog, await packed("6.12.2"), late)).toEqual({
      change: "replaced",
      serial: 3,
    });
    const { entries } = JSON.parse(readFileSync(catalog, "utf8"));
    expect(entries.map((entry: CatalogEntry) => entry.kernel_version)).toEqual([
      "6.12.1",
      "6.12.2",
    ]);
  });

  test("changes nothing, not even the serial, when the entry is there already", async () => {
    const entry = await packed("6.12.1");
    putEntry(catalog, entry, early);
    const before = readFileSync(catalog, "utf8");
    expect(putEntry(catalog, { ...entry }, late)).toEqual({ change: "none", serial: 1 });
    expect(readFileSync(catalog, "utf8")).toBe(before);
  });

  test("does not touch a catalog that breaks the rules, nor writes an entry that does", async () => {
    const entry = await packed("6.12.1");
    const bad = { ...entry, description: " " };
    expect(await refusal(() => putEntry(catalog, bad, early))).toContain("description");
    expect(existsSync(catalog)).toBe(false);
    writeFileSync(catalog, "{}\n");
    expect(await refusal(() => putEntry(catalog, entry, early))).toStartWith("bad-catalog: ");
    expect(readFileSync(catalog, "utf8")).toBe("{}\n");
  });
});

describe("checking the repository's catalog", () => {
  test("takes what putting an entry wrote, with the tarballs that are there", async () => {
    const [x86, arm] = [await packed("6.12.1"), await packed("6.12.1", "arm64")];
    putEntry(catalog, x86, early);
    putEntry(catalog, arm, early);
    const both = { serial: 2, entries: 2, bundles: [fileOf(arm), fileOf(x86)], sidecars: [] };
    expect(await checkCatalog(catalog, bundles)).toEqual(both);
    rmSync(join(bundles, fileOf(arm)));
    expect(await checkCatalog(catalog, bundles)).toEqual({ ...both, bundles: [fileOf(x86)] });
  });

  test("says so when there is no such file", async () => {
    expect(await refusal(() => checkCatalog(catalog, bundles))).toStartWith("bad-catalog: ");
  });

  test.each<
    [string, (value: Record<string, unknown>, entry: Record<string, unknown>) => void, string]
  >([
    ["an unknown field at the top", (value) => (value["tags"] = []), "tags is not a known field"],
    [
      "a reserved field that has no format yet",
      (_, entry) => (entry["proof"] = true),
      "entry 1: proof is not a known field",
    ],
    [
      "an unknown field of a mark",
      (_, entry) => (entry["withdrawn"] = { reason: "bad", since: early, by: "me" }),
      "entry 1: withdrawn: by is not a known field",
    ],
    [
      "a replacement that is not there",
      (_, entry) =>
        (entry["withdrawn"] = { reason: "bad", since: early, replaced_by: "generic-6.18" }),
      "withdrawn: replaced_by: generic-6.18 is no other entry for x86_64 that is good",
    ],
    [
      "a replacement by itself",
      (_, entry) =>
        (entry["withdrawn"] = { reason: "bad", since: early, replaced_by: "generic-6.12" }),
      "withdrawn: replaced_by: generic-6.12 is no other entry for x86_64 that is good",
    ],
    ["support that says nothing", (_, entry) => (entry["support"] = {}), "support: must not be"],
    [
      "support by somebody unknown",
      (_, entry) => (entry["support"] = { debian: "2028-12-31" }),
      "entry 1: support: debian is not a known field",
    ],
    [
      "an unknown architecture",
      (_, entry) => (entry["arch"] = "riscv64"),
      "an entry is of an architecture",
    ],
    [
      "a name that is not of distro and version",
      (_, entry) => (entry["name"] = "generic-6.11"),
      "name: must be generic-6.12",
    ],
    [
      "another host",
      (_, entry) => (entry["tarball_url"] = "https://example.invalid/a.tar.zst"),
      "tarball_url: must be https://kernels.thaloco.com/generic-6.12-x86_64-",
    ],
    [
      "a plain-http URL",
      (_, entry) => (entry["tarball_url"] = "http://kernels.thaloco.com/a"),
      "tarball_url: must be an https URL",
    ],
    [
      "a file name that is not content-addressed",
      (_, entry) => (entry["tarball_sha256"] = "0".repeat(64)),
      "tarball_url: must be",
    ],
    [
      "an empty description",
      (_, entry) => (entry["description"] = ""),
      "description: must not be empty",
    ],
    ["a size of 0", (_, entry) => (entry["size_bytes"] = 0), "size_bytes: must be at least 1"],
  ])("refuses %s", async (_, spoil, wanted) => {
    putEntry(catalog, await packed("6.12.1"), early);
    const value = JSON.parse(readFileSync(catalog, "utf8"));
    spoil(value, value.entries[0]);
    writeFileSync(catalog, `${JSON.stringify(value, null, 2)}\n`);
    const found = await refusal(() => checkCatalog(catalog, bundles));
    expect(found).toStartWith("bad-catalog: ");
    expect(found).toContain(wanted);
  });

  test.each<[string, (text: string) => string]>([
    ["another indentation", (text) => JSON.stringify(JSON.parse(text), null, 4)],
    ["no newline at the end", (text) => text.trimEnd()],
    [
      "entries out of order",
      (text) => {
        const value = JSON.parse(text);
        value.entries.reverse();
        return `${JSON.stringify(value, null, 2)}\n`;
      },
    ],
    [
      "fields out of order",
      (text) => {
        const { version, ...rest } = JSON.parse(text);
        return `${JSON.stringify({ ...rest, version }, null, 2)}\n`;
      },
    ],
  ])("refuses %s", async (_, spoil) => {
    putEntry(catalog, await packed("6.12.1"), early);
    putEntry(catalog, await packed("6.18.1"), early);
    writeFileSync(catalog, spoil(readFileSync(catalog, "utf8")));
    expect(await refusal(() => checkCatalog(catalog, bundles))).toContain("formatting or order");
  });

  test("takes a replacement that is good, for the same architecture, and no other", async () => {
    const x86 = await packed("6.12.1");
    const mark = {
      reason: "loses writes",
      since: early,
      replaced_by: parseKernelName("generic-6.18"),
    };
    putEntry(catalog, await packed("6.18.1", "arm64"), early);
    expect(await refusal(() => putEntry(catalog, { ...x86, withdrawn: mark }, early))).toContain(
      "replaced_by: generic-6.18 is no other entry for x86_64 that is good",
    );
    const other = await packed("6.18.1");
    putEntry(catalog, other, early);
    putEntry(catalog, { ...x86, withdrawn: mark, support: { upstream_eol: "2028-12-31" } }, early);
    expect(await checkCatalog(catalog, bundles)).toMatchObject({ serial: 3, entries: 3 });
    const spoilt = { ...other, withdrawn: { reason: "bad too", since: late } };
    expect(await refusal(() => putEntry(catalog, spoilt, late))).toContain("replaced_by");
  });

  test("refuses a tarball with one flipped bit, a byte more, or another unpacked size", async () => {
    const entry = await packed("6.12.1");
    putEntry(catalog, entry, early);
    const file = join(bundles, fileOf(entry));
    const good = readFileSync(file);

    const flipped = Buffer.from(good);
    flipped.writeUInt8(good.readUInt8(5000) ^ 1, 5000);
    writeFileSync(file, flipped);
    expect(await refusal(() => checkCatalog(catalog, bundles))).toContain("SHA-256 is ");

    writeFileSync(file, Buffer.concat([good, Buffer.from([0])]));
    expect(await refusal(() => checkCatalog(catalog, bundles))).toContain("size is ");

    writeFileSync(file, good);
    putEntry(catalog, { ...entry, unpacked_bytes: entry.unpacked_bytes + 512 }, early);
    expect(await refusal(() => checkCatalog(catalog, bundles))).toContain("unpacked size is ");
  });
});
