/** Texts of other programs and of people: configurations, references, sums, consoles, Makefiles. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { parseChecksums } from "../../../src/core/checksums.ts";
import { formatKconfig, parseKconfig } from "../../../src/core/kconfig.ts";
import { parseKeyListing } from "../../../src/core/key-listing.ts";
import { compareVersions, isKernelVersion } from "../../../src/core/kernel-version.ts";
import { makefileVersion } from "../../../src/core/makefile-version.ts";
import { parseReference, type Reference } from "../../../src/core/reference.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

const repository = resolve(import.meta.dirname, "../../..");

const configLines = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "CONFIG_A=y",
        "CONFIG_A=m",
        "# CONFIG_A is not set",
        "CONFIG_B=0x1f",
        "CONFIG_C=-3",
        'CONFIG_D="a \\" b"',
        "# text",
        "",
        " ",
        "CONFIG_E=",
        "CONFIG_A=y ",
      ),
      fc.nat(20_000).map((length) => `CONFIG_LONG="${"x".repeat(length)}"`),
    ),
    { maxLength: 8 },
  )
  .map((lines) => bytesOf(lines.join("\n")));

const kconfig: FuzzTarget = {
  name: "kconfig",
  codes: ["failed"],
  start: () => ({
    corpus: [readFileSync(join(repository, "catalog/recipes/generic.config"))].map(
      (bytes) => new Uint8Array(bytes),
    ),
    structured: configLines,
    words: ["CONFIG_", "=y", " is not set", '"', "\\"],
    run: (input) => {
      const symbols = parseKconfig(textOf(input), "it");
      assert.deepEqual(parseKconfig(formatKconfig(symbols), "it"), symbols);
      return "accepted";
    },
  }),
};

function formatReference({ catalog, name, arch, build }: Reference): string {
  const selector =
    build === undefined
      ? ""
      : `@${build.by === "version" ? build.version : `sha256:${build.sha256}`}`;
  return `${catalog === undefined ? "" : `${catalog}/`}${name}:${arch}${selector}`;
}

const reference: FuzzTarget = {
  name: "reference",
  codes: ["usage"],
  testRuns: 400,
  start: () => ({
    corpus: ["generic-6.12", "acme/generic-6.12:arm64@6.12.117", `a@sha256:${"0a".repeat(32)}`].map(
      bytesOf,
    ),
    structured: fc
      .array(
        fc.constantFrom(
          "a",
          "generic",
          "-",
          ".",
          "6.12",
          "/",
          ":",
          "@",
          "arm64",
          "x86_64",
          "aarch64",
          "sha256:",
          "banger",
          "constructor",
          "..",
          "-rc1",
        ),
        { maxLength: 9 },
      )
      .map((parts) => bytesOf(parts.join(""))),
    words: ["/", ":", "@", "sha256:", "..", "__proto__"],
    run: (input) => {
      const parsed = parseReference(textOf(input), "x86_64");
      assert.match(parsed.name, /^[a-z0-9](?!.*\.\.)[a-z0-9.-]{0,63}$/);
      assert.deepEqual(parseReference(formatReference(parsed), "arm64"), parsed);
      return "accepted";
    },
  }),
};

/** Versions, one a line: their order is one, whichever two are compared. */
const versions: FuzzTarget = {
  name: "kernel-version",
  codes: [],
  testRuns: 400,
  start: () => ({
    corpus: ["6.12.117\n6.12\n6.12.0\n6.19-rc3\n6.19\n6.12.117-1-amd64\n6.19-rc10"].map(bytesOf),
    structured: fc
      .array(
        fc
          .tuple(
            fc.nat(3),
            fc.nat(3),
            fc.constantFrom("", ".0", ".1", ".10"),
            fc.constantFrom("", "-rc1", "-rc10", "-1", "-01", "-a", "-a1", "-1a", "-rc1-a", "-rc"),
          )
          .map(([major, minor, patch, suffix]) => `${major}.${minor}${patch}${suffix}`),
        { minLength: 1, maxLength: 5 },
      )
      .map((lines) => bytesOf(lines.join("\n"))),
    words: ["-rc", ".", "\n"],
    run: (input) => {
      const found = textOf(input.subarray(0, 400)).split("\n").filter(isKernelVersion).slice(0, 6);
      for (const a of found) {
        for (const b of found) {
          const order = Math.sign(compareVersions(a, b));
          assert.equal(order + Math.sign(compareVersions(b, a)), 0, `${a} and ${b}`);
          for (const c of found) {
            if (order <= 0 && compareVersions(b, c) <= 0) {
              assert.ok(compareVersions(a, c) <= 0, `${a}, ${b}, ${c}`);
            }
          }
        }
      }
      return found.length === 0 ? "refused" : "accepted";
    },
  }),
};

const checksums: FuzzTarget = {
  name: "checksums",
  codes: [],
  start: () => ({
    corpus: [`${"0a".repeat(32)}  a.tar.zst\n${"1b".repeat(32)} *b\n`].map(bytesOf),
    words: ["  ", " *", "\n", "0a".repeat(32)],
    run: (input) => {
      const sums = parseChecksums(textOf(input));
      if (sums === undefined) return "refused";
      const again = [...sums].map(([name, digest]) => `${digest}  ${name}\n`).join("");
      assert.deepEqual(parseChecksums(again), sums);
      return "accepted";
    },
  }),
};

const makefile: FuzzTarget = {
  name: "makefile-version",
  codes: [],
  start: () => ({
    corpus: ["# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 60\nEXTRAVERSION =\n"].map(bytesOf),
    words: ["VERSION =", "PATCHLEVEL = ", "EXTRAVERSION = ", " ", "\t", "\n"],
    run: (input) => {
      const version = makefileVersion(textOf(input));
      if (version === undefined) return "refused";
      assert.ok(isKernelVersion(version));
      return "accepted";
    },
  }),
};

const keyListing: FuzzTarget = {
  name: "key-listing",
  codes: [],
  start: () => ({
    corpus: [
      `pub:-:255:22:AAAAAAAAAAAAAAAA:1767312000:1798848000::-:::scSC:::::ed25519:::0:\nfpr:::::::::${"A".repeat(40)}:\nuid:-::::1767312000::B::a <a@b>::::::::::0:\nsub:-:255:22:C:1:::::::s:\nfpr:::::::::${"C".repeat(40)}:\n`,
    ].map(bytesOf),
    words: ["\npub:", "\nsec:", "\nfpr:", ":", "S"],
    run: (input) => {
      const keys = parseKeyListing(textOf(input));
      for (const { fingerprint, expiresAt } of keys ?? []) {
        assert.match(fingerprint, /^[0-9A-F]{40}$/);
        assert.ok(expiresAt === undefined || Number.isSafeInteger(expiresAt));
      }
      return keys === undefined ? "refused" : "accepted";
    },
  }),
};

export const textTargets: readonly FuzzTarget[] = [
  kconfig,
  reference,
  versions,
  checksums,
  makefile,
  keyListing,
];
