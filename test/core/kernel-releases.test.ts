import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import { newestRelease, sourceUrls } from "../../src/core/kernel-releases.ts";
import { isKernelVersion, type KernelVersion } from "../../src/core/kernel-version.ts";
import { makefileVersion } from "../../src/core/makefile-version.ts";
import { parseKeyList } from "../../src/core/release-keys.ts";
import { readRepositoryFile } from "../house/source-files.ts";

const base = "https://cdn.kernel.org/pub/linux/kernel/v6.x";

function release(version: string, changes: object = {}): object {
  return {
    iseol: false,
    version,
    moniker: "longterm",
    source: `${base}/linux-${version}.tar.xz`,
    pgp: `${base}/linux-${version}.tar.sign`,
    released: { isodate: "2025-12-01" },
    ...changes,
  };
}

function versionOf(text: string): KernelVersion {
  if (!isKernelVersion(text)) throw new Error(`${text} is no kernel version`);
  return text;
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}; ${error.hint}`;
    throw error;
  }
  return "accepted";
}

const find = (releases: readonly unknown[], line: string) =>
  newestRelease(JSON.stringify({ latest_stable: {}, releases }), line, "the list");

describe("the list of releases", () => {
  test("gives the newest of a line, by number and not by place", () => {
    const list = [release("6.12.9"), release("6.12.60"), release("6.1.200"), release("6.12.10")];
    expect(find(list, "6.12")).toEqual({
      version: versionOf("6.12.60"),
      sourceUrl: `${base}/linux-6.12.60.tar.xz`,
      signatureUrl: `${base}/linux-6.12.60.tar.sign`,
      isEndOfLife: false,
    });
    expect(find([release("6.17", { iseol: true })], "6.17").isEndOfLife).toBe(true);
  });

  test("gives nothing that is not signed, and says which lines there are", () => {
    const list = [
      release("6.19-rc3", { source: "https://git.kernel.org/t/linux-6.19-rc3.tar.gz", pgp: null }),
      release("next-20251201", { source: null, pgp: null }),
      release("6.18.1"),
      release("6.12.60"),
    ];
    expect(refusal(() => find(list, "6.19"))).toBe(
      "not-found: kernel.org has no signed release of the line 6.19; " +
        "it has 6.18, 6.12; a line that it has dropped needs its full version",
    );
  });

  test.each([
    ["http", { source: "http://cdn.kernel.org/linux-6.12.60.tar.xz" }],
    ["a user in it", { pgp: "https://me@cdn.kernel.org/linux-6.12.60.tar.sign" }],
    ["a query", { pgp: "https://cdn.kernel.org/?linux-6.12.60.tar.sign" }],
  ])("is refused for a URL with %s", (_, changes) => {
    expect(refusal(() => find([release("6.12.60", changes)], "6.12"))).toStartWith(
      "network: the list names something for 6.12.60 that is no https URL",
    );
  });

  test.each([
    ["no JSON", "<html>"],
    ["no releases", "{}"],
    ["a release without its fields", '{"releases":[{"version":"6.12.60"}]}'],
  ])("is refused when it has %s", (_, text) => {
    expect(refusal(() => newestRelease(text, "6.12", "the list"))).toStartWith("network: the list");
  });
});

describe("an explicit version", () => {
  test.each([
    ["6.12.60", "v6.x/linux-6.12.60.tar"],
    ["6.12", "v6.x/linux-6.12.tar"],
    ["6.12.0", "v6.x/linux-6.12.tar"],
    ["5.10.1", "v5.x/linux-5.10.1.tar"],
  ])("%s lies at %s", (text, place) => {
    const folder = "https://cdn.kernel.org/pub/linux/kernel";
    expect(sourceUrls(versionOf(text))).toEqual({
      sourceUrl: `${folder}/${place}.xz`,
      signatureUrl: `${folder}/${place}.sign`,
    });
  });

  test.each(["6.19-rc3", "6.12.1-1-amd64", "2.6.32"])("%s has no signed tarball", (text) => {
    expect(refusal(() => sourceUrls(versionOf(text)))).toStartWith(
      "usage: kernel.org has no signed",
    );
  });
});

describe("a Makefile", () => {
  test.each([
    ["VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 60\nEXTRAVERSION =\nNAME = x\n", "6.12.60"],
    ["# x\nVERSION = 6\nPATCHLEVEL = 19\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n", "6.19.0-rc3"],
    ["VERSION=6\nPATCHLEVEL=12\nSUBLEVEL=0\n", "6.12.0"],
    ["VERSION = 6\nPATCHLEVEL = 12\n", undefined],
    ["VERSION = $(shell id)\nPATCHLEVEL = 12\nSUBLEVEL = 0\n", undefined],
    ["VERSION = 6 7\nPATCHLEVEL = 12\nSUBLEVEL = 60\n", undefined],
    ["", undefined],
  ])("%j says %p", (text, expected) => {
    expect(makefileVersion(text)).toBe(expected === undefined ? undefined : versionOf(expected));
  });
});

test("a Makefile with a line of a megabyte is read in a time in proportion to it", () => {
  expect(makefileVersion(`VERSION =${" ".repeat(1_000_000)}x y\n`)).toBeUndefined();
});

describe("the list of release keys", () => {
  test("holds the three of kernel.org", () => {
    const keys = parseKeyList(readRepositoryFile("catalog/upstream-keys/fingerprints.json"), "it");
    expect(keys.map(({ fingerprint }) => String(fingerprint)).sort()).toEqual([
      "647F28654894E3BD457199BE38DBBDC86092693E",
      "ABAF11C65A2970B130ABE3C479BE3E4300411886",
      "E27E5D8A3403A2EF66873BBCDEA66FF797772CDC",
    ]);
  });

  const key = { holder: "A", fingerprint: "A".repeat(40), file: "a.asc" };
  test.each([
    ["no key", []],
    ["a short fingerprint", [{ ...key, fingerprint: "A".repeat(16) }]],
    ["a fingerprint in lower case", [{ ...key, fingerprint: "a".repeat(40) }]],
    ["a file elsewhere", [{ ...key, file: "../a.asc" }]],
    ["an unknown field", [{ ...key, trust: "full" }]],
    ["a fingerprint twice", [key, { ...key, file: "b.asc" }]],
    ["a file twice", [key, { ...key, fingerprint: "B".repeat(40) }]],
  ])("is refused with %s", (_, keys) => {
    expect(refusal(() => parseKeyList(JSON.stringify({ keys }), "it"))).toStartWith(
      "bad-catalog: ",
    );
  });
});
