import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import { formatKconfig, mergeKconfigs, parseKconfig, valueOf } from "../../src/core/kconfig.ts";
import {
  auditKconfig,
  type KconfigRules,
  requireSoundKconfig,
} from "../../src/core/kconfig-audit.ts";

const read = (text: string) => parseKconfig(text, "x.config");
/** A symbol on a line of so many characters. */
const lineOf = (length: number): string => `CONFIG_A="${"x".repeat(length - 11)}"`;

describe("a kernel configuration", () => {
  test("is read with every kind of value", () => {
    const config = read(
      'CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=-12\nCONFIG_D=0xffFF\nCONFIG_E="a \\"b\\" #c"\n# CONFIG_F is not set\n\n# a comment\n#\n',
    );
    expect([...config]).toEqual([
      ["A", "y"],
      ["B", "m"],
      ["C", "-12"],
      ["D", "0xffFF"],
      ["E", '"a \\"b\\" #c"'],
      ["F", "n"],
    ]);
    expect(valueOf(config, "NOT_THERE")).toBe("n");
  });

  test("has no line of more than 32,768 characters, whatever stands in it", () => {
    expect(read(lineOf(32_768)).get("A")).toHaveLength(32_768 - 9);
    for (const length of [32_769, 4_000_000]) {
      expect(() => read(lineOf(length))).toThrow("x.config, line 1: ");
    }
    expect(read(`#${"x".repeat(100_000)}`).size).toBe(0);
  });

  test("says which line is none", () => {
    for (const line of ["CONFIG_A", "CONFIG_A=yes", "A=y", 'CONFIG_A="open', "CONFIG_=y"]) {
      expect(() => read(`CONFIG_OK=y\n${line}\n`)).toThrow(/x\.config, line 2/);
    }
  });

  test("takes the last of several values, as Kconfig does", () => {
    expect(valueOf(read("CONFIG_A=y\n# CONFIG_A is not set\n"), "A")).toBe("n");
    const merged = mergeKconfigs(read("CONFIG_A=y\nCONFIG_B=y\n"), read("CONFIG_A=7\n"));
    expect(formatKconfig(merged)).toBe("CONFIG_A=7\nCONFIG_B=y\n");
  });

  test("is written so that it reads back the same", () => {
    const config = read('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\n');
    expect(read(formatKconfig(config))).toEqual(config);
  });
});

describe("the audit of a finished configuration", () => {
  const rules: KconfigRules = {
    base: read('CONFIG_BASE=y\nCONFIG_CC_VERSION_TEXT="gcc 1"\nCONFIG_MAY_GO=y\n'),
    asked: read("CONFIG_ASKED=y\n# CONFIG_UNWANTED is not set\nCONFIG_NEW=y\n"),
    unavailable: new Set(["NEW"]),
    required: ["NEEDED"],
    forbidden: ["MODULES"],
    allowedDrift: new Set(["MAY_GO"]),
  };
  const sound = 'CONFIG_BASE=y\nCONFIG_ASKED=y\nCONFIG_NEEDED=y\nCONFIG_CC_VERSION_TEXT="gcc 2"\n';

  test("finds nothing when all is as it was asked for", () => {
    expect(auditKconfig(read(sound), rules)).toEqual([]);
  });

  test.each([
    [
      "a dropped symbol",
      "CONFIG_ASKED=y\n",
      "",
      "asked for and not there: CONFIG_ASKED is n, wanted y",
    ],
    [
      "drift",
      "CONFIG_BASE=y\n",
      "CONFIG_BASE=12\n",
      "drifted from Firecracker's configuration: CONFIG_BASE is 12, wanted y",
    ],
    ["a missing need", "CONFIG_NEEDED=y\n", "", "must be built in: CONFIG_NEEDED"],
    [
      "a need that is a module",
      "CONFIG_NEEDED=y\n",
      "CONFIG_NEEDED=m\n",
      "is a module: CONFIG_NEEDED=m",
    ],
    ["a forbidden symbol", "", "CONFIG_MODULES=y\n", "must not be set: CONFIG_MODULES"],
    ["a module that nobody named", "", "CONFIG_OTHER=m\n", "is a module: CONFIG_OTHER=m"],
    [
      "a symbol that was switched off and is on",
      "",
      "CONFIG_UNWANTED=y\n",
      "asked for and not there: CONFIG_UNWANTED is y, wanted n",
    ],
    [
      "an initial RAM disk",
      "",
      'CONFIG_INITRAMFS_SOURCE="x.cpio"\n',
      'an initial RAM disk is built in: "x.cpio"',
    ],
  ])("finds %s", (_what, taken, put, finding) => {
    const config = read(sound.replace(taken, "") + put);
    expect(auditKconfig(config, rules)).toContain(finding);
    try {
      requireSoundKconfig(config, rules, "6.12.json");
      throw new Error("it was accepted");
    } catch (error) {
      if (!(error instanceof BangerError)) throw error;
      expect(error.code).toBe("verification-failed");
      expect(error.hint).toContain(finding);
    }
  });
});
