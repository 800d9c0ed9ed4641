import { describe, expect, test } from "bun:test";
import {
  entryMatches,
  findEntry,
  parseCatalog,
  parseCatalogText,
  recommendedEntry,
  tarballFile,
  type Catalog,
} from "../../src/core/catalog.ts";
import { BangerError } from "../../src/core/errors.ts";
import { parseReference } from "../../src/core/reference.ts";

const digest = "0123456789abcdef".repeat(4);
const entry = {
  name: "generic-6.12",
  distro: "generic",
  arch: "x86_64",
  kernel_version: "6.12.117",
  tarball_url: "https://kernels.invalid/generic-6.12-x86_64-0123456789ab.tar.zst",
  tarball_sha256: digest,
  size_bytes: 9_026_725,
  unpacked_bytes: 31_993_856,
  description: "Generic",
};
const head = { version: 1, serial: 7, updated: "2026-01-31T12:00:00Z" };

/** A catalog with one entry for each change. */
function read(...changes: readonly object[]): Catalog {
  const entries = changes.map((change) => ({ ...entry, ...change }));
  return parseCatalogText(JSON.stringify({ ...head, entries }), "c.json");
}

function refusal(text: string): string {
  try {
    parseCatalogText(text, "c.json");
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    expect(error.code).toBe("bad-catalog");
    expect(error.hint).toContain("docs/formats/catalog.md");
    return error.message;
  }
  throw new Error("the catalog was not refused");
}

/** `change` may hold `undefined` for a field that is to be missing. */
const entryRefusal = (change: object): string =>
  refusal(JSON.stringify({ ...head, entries: [entry, { ...entry, name: "b", ...change }] }));

describe("a catalog", () => {
  test("is read whole, in its order", () => {
    const catalog = read({}, { arch: "arm64" }, { name: "a" });
    expect(catalog).toMatchObject({ serial: 7, updated: "2026-01-31T12:00:00Z" });
    expect(catalog.entries.map(({ name, arch }) => `${name}:${arch}`)).toEqual([
      "generic-6.12:x86_64",
      "generic-6.12:arm64",
      "a:x86_64",
    ]);
    expect({ ...catalog.entries[0] }).toMatchObject(entry);
  });

  test("may have fields that are not known, which are passed over", () => {
    const reserved = {
      tree_sha256: digest,
      tags: ["docker"],
      proof: null,
    };
    const catalog = read({ ...reserved, later: 1.5 });
    expect(Object.keys(catalog.entries[0] ?? {}).sort()).toEqual(Object.keys(entry).sort());
  });

  test("may name the vmlinux within and sidecars, of kinds that are not known too", () => {
    const sidecar = {
      kind: "later-kind",
      url: "https://kernels.example.com/a.later-kind-0.json",
      sha256: digest,
      size_bytes: 5,
    };
    const [found] = read({ vmlinux_sha256: digest, sidecars: [{ ...sidecar, more: 1 }] }).entries;
    expect(found).toMatchObject({ vmlinux_sha256: digest });
    expect(found?.sidecars).toMatchObject([sidecar]);
  });

  test.each<[string, object]>([
    ["a vmlinux_sha256 that is none", { vmlinux_sha256: "0" }],
    ["sidecars that are no list", { sidecars: {} }],
    ["a sidecar without fields", { sidecars: [{}] }],
  ])("is refused with %s", (_, fields) => {
    expect(() => read(fields)).toThrow(/vmlinux_sha256|sidecars/);
  });

  test("may tell that an entry is withdrawn, and until when its line is kept up", () => {
    const withdrawn = { reason: "loses writes", since: "2026-02-03T04:05:06Z" };
    const support = { upstream_eol: "2028-02-29", firecracker_until: "2026-09-02" };
    const [found, other] = read(
      {
        withdrawn: { ...withdrawn, replaced_by: "gone-6.18", more: 1 },
        support: { ...support, more: 1 },
      },
      { name: "b", withdrawn, support: {} },
    ).entries;
    expect(found).toMatchObject({ withdrawn: { ...withdrawn, replaced_by: "gone-6.18" } });
    expect(Object.keys(found?.withdrawn ?? {})).toHaveLength(3);
    expect(found?.support).toEqual(support);
    expect(other).toMatchObject({ withdrawn, support: {} });
  });

  test.each<object>([
    { withdrawn: true },
    { withdrawn: null },
    { withdrawn: {} },
    { withdrawn: { reason: " ", since: "2026-02-03T04:05:06Z" } },
    { withdrawn: { reason: "x".repeat(501), since: "2026-02-03T04:05:06Z" } },
    { withdrawn: { reason: "bad", since: "2026-02-03" } },
    { withdrawn: { reason: "bad", since: "2026-02-03T04:05:06Z", replaced_by: "../x" } },
    { support: "2028-12-31" },
    { support: { upstream_eol: "2028-12" } },
    { support: { upstream_eol: "2027-02-29" } },
    { support: { firecracker_until: null } },
  ])("is refused with %j", (fields) => {
    expect(entryRefusal(fields)).toMatch(/entry 2 \("b"\): (?:withdrawn|support)/);
  });

  test("may have entries of architectures that are not known, whatever else they hold", () => {
    const catalog = read({ arch: "riscv64", name: 5, size_bytes: "big" }, {}, { arch: "" });
    expect(catalog.entries).toHaveLength(1);
  });

  test("may be empty", () => {
    expect(read().entries).toEqual([]);
  });

  test.each<[string, object]>([
    ["version: must be 1", { version: 2 }],
    ["version: must be 1", { version: "1" }],
    ["version: is missing", { version: undefined }],
    ["serial: must be at least 1", { serial: 0 }],
    ["serial: must be a whole number", { serial: "7" }],
    ["serial: is missing", { serial: undefined }],
    ["updated: must be an RFC 3339 time", { updated: "yesterday" }],
    ["updated: must be an RFC 3339 time", { updated: "2026-01-31T12:00:00+01:00" }],
    ["updated: must be an RFC 3339 time", { updated: "2026-13-31T12:00:00Z" }],
    ["entries: must be a list", { entries: {} }],
    ["entries: is missing", { entries: undefined }],
  ])("is refused: %s", (words, change) => {
    expect(refusal(JSON.stringify({ ...head, entries: [], ...change }))).toContain(words);
  });

  test.each<[string, object]>([
    ["name: must match", { name: "../b" }],
    ["name: must match", { name: "B" }],
    ["name: must match", { name: "b".repeat(65) }],
    ["name: is missing", { name: undefined }],
    ["distro: must be lower-case", { distro: "Debian" }],
    ["distro: must be a distribution name", { distro: "" }],
    ["arch: is missing", { arch: undefined }],
    ["arch: must be x86_64 or arm64", { arch: 64 }],
    ["kernel_version: must be a kernel version", { kernel_version: "latest" }],
    ["tarball_url: must be an https URL", { tarball_url: "http://kernels.invalid/a" }],
    ["tarball_url: must be an https URL", { tarball_url: "HTTPS://kernels.invalid/a" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://me:pw@host/a" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host/a?b" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host/a#b" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host/a%2fb" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host/" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host" }],
    ["tarball_url: must be a plain https URL", { tarball_url: "https://host/a\nb" }],
    ["tarball_url: must not contain ..", { tarball_url: "https://host/../a" }],
    ["tarball_url: must not contain ..", { tarball_url: "https://host/a/.." }],
    ["tarball_sha256: must be 64 lower-case", { tarball_sha256: digest.toUpperCase() }],
    ["tarball_sha256: must be 64 lower-case", { tarball_sha256: digest.slice(1) }],
    ["tarball_sha256: is missing", { tarball_sha256: undefined }],
    ["size_bytes: must be at least 1", { size_bytes: 0 }],
    ["size_bytes: must be at most 4294967296", { size_bytes: 2 ** 32 + 1 }],
    ["size_bytes: must be a whole number", { size_bytes: "9" }],
    ["unpacked_bytes: must be at least 1024", { unpacked_bytes: 1023 }],
    ["unpacked_bytes: must be at most 17179869184", { unpacked_bytes: 2 ** 34 + 1 }],
    ["unpacked_bytes: must be a whole number", { unpacked_bytes: null }],
    ["description: must be text", { description: 5 }],
    ["description: must be at most 1000", { description: "a".repeat(1001) }],
    ["description: is missing", { description: undefined }],
  ])("is refused for one entry, which is named: %s of %j", (words, change) => {
    const message = entryRefusal(change);
    expect(message).toStartWith("cannot use the catalog c.json: entry 2");
    expect(message).toContain(words);
    if (!("name" in change)) expect(message).toContain('entry 2 ("b")');
  });

  test("is refused when an entry is no object", () => {
    for (const bad of [null, 1, "a", []]) {
      const text = JSON.stringify({ ...head, entries: [bad] });
      expect(refusal(text)).toStartWith("cannot use the catalog c.json: entry 1");
    }
  });

  test("is refused when a name and architecture come twice", () => {
    expect(entryRefusal({ name: "generic-6.12" })).toContain("generic-6.12:x86_64 stands twice");
    expect(read({}, { arch: "arm64" }).entries).toHaveLength(2);
  });

  test.each([
    ['{"version": 1, "version": 1}', "version stands twice"],
    ['{"entries": [{"name": "a"}, {"name": "b", "name": "c"}]}', "entries[1].name stands twice"],
    ['{"serial": 1.0}', "serial: must be a whole number"],
    ['{"entries": [{"size_bytes": 9e6}]}', "entries[0].size_bytes: must be a whole number"],
    ["", "it is not JSON"],
    ['{"version": 1,}', "it is not JSON"],
    ["[]", "c.json: "],
    ["null", "c.json: "],
    ['"text"', "c.json: "],
  ])("is refused by its text: %s", (text, words) => {
    expect(refusal(text)).toContain(words);
  });

  test("that was parsed already is held to the same rules", () => {
    expect(() => parseCatalog({ ...head, entries: [{}] }, "c.json")).toThrow("entry 1");
  });
});

describe("of a catalog", () => {
  test("an entry is found by name and architecture", () => {
    const catalog = read({}, { arch: "arm64", size_bytes: 5 });
    expect(findEntry(catalog, "generic-6.12", "arm64")?.size_bytes).toBe(5);
    expect(findEntry(catalog, "generic-6.1", "arm64")).toBeUndefined();
  });

  test.each([
    ["a", true],
    ["a@6.12.117", true],
    ["a@6.12", false],
    [`a@sha256:${digest}`, true],
    [`a@sha256:${"0".repeat(64)}`, false],
  ])("an entry is the build that %s selects: %p", (reference, expected) => {
    const [first] = read({}).entries;
    if (first === undefined) throw new Error("there is one entry");
    expect(entryMatches(first, parseReference(reference, "x86_64").build)).toBe(expected);
  });

  test("the newest generic kernel of the architecture is recommended", () => {
    const catalog = read(
      { name: "generic-6.1", kernel_version: "6.1.190" },
      { name: "generic-6.18", kernel_version: "6.18.2" },
      { name: "generic-6.9", kernel_version: "6.9.1" },
      { name: "debian-7.0", distro: "debian", kernel_version: "7.0" },
      { name: "generic-6.19", arch: "arm64", kernel_version: "6.19" },
    );
    expect(recommendedEntry(catalog, "x86_64")).toMatchObject({ name: "generic-6.18" });
    expect(recommendedEntry(catalog, "arm64")).toMatchObject({ name: "generic-6.19" });
    expect(recommendedEntry(read(), "arm64")).toBeUndefined();
    const withdrawn = { reason: "bad", since: "2026-02-03T04:05:06Z" };
    const best = read({}, { name: "generic-6.18", kernel_version: "6.18.2", withdrawn });
    expect(recommendedEntry(best, "x86_64")).toMatchObject({ name: "generic-6.12" });
    expect(recommendedEntry(read({ withdrawn }), "x86_64")).toBeUndefined();
  });

  test("a mirror's file is the last component of the URL", () => {
    const [first] = read({ tarball_url: "https://host/a/b/c.tar.zst" }).entries;
    if (first === undefined) throw new Error("there is one entry");
    expect(tarballFile(first)).toBe("c.tar.zst");
  });
});
