import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  compareVersions,
  isKernelVersion,
  kernelLine,
  type KernelVersion,
} from "../../src/core/kernel-version.ts";

function version(text: string): KernelVersion {
  if (isKernelVersion(text)) return text;
  throw new Error(`${text} is no version`);
}

describe("a kernel version", () => {
  test.each(["6.12", "6.12.117", "6.19-rc3", "6.12.117-1-amd64", "5.10.0-30+deb11~1", "0.0"])(
    "may be %s",
    (text) => {
      expect(isKernelVersion(text)).toBe(true);
    },
  );

  test.each(
    [
      ["", "6", "6.", "6.12.", "6.12.1.2", "v6.12", "6.12 ", "6.12\n", "6.12-", "6.12--1"],
      ["6.12.1-a/b", "6.12.1_2", "6.12.1+", "66666.1", "6.12.1-é", `6.12-${"a".repeat(65)}`],
    ].flat(),
  )("may not be %j", (text) => {
    expect(isKernelVersion(text)).toBe(false);
  });

  test.each([
    ["6.12.117", "6.12"],
    ["6.12", "6.12"],
    ["6.19-rc3", "6.19"],
    ["5.10.0-30-amd64", "5.10"],
  ])("%s is of the line %s", (text, line) => {
    expect(kernelLine(version(text))).toBe(line);
  });

  const ordered = `
    5.4.300 5.10 6.1.9 6.1.10 6.12-rc1 6.12-rc2 6.12 6.12.0-1
    6.12.9 6.12.117 6.12.117-1-amd64 6.12.117-2-amd64 6.12.117-10-amd64 10.0
  `
    .trim()
    .split(/\s+/)
    .map(version);

  test("is ordered by its numbers, a candidate before its release, another suffix after it", () => {
    expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  });

  test("of ten candidates the tenth comes last", () => {
    const candidates = ["6.12-rc10", "6.12-rc9", "6.12-rc1"].map(version);
    expect(candidates.sort(compareVersions)).toEqual(
      ["6.12-rc1", "6.12-rc9", "6.12-rc10"].map(version),
    );
  });

  test("without a patch level is that with patch level 0", () => {
    expect(compareVersions(version("6.12"), version("6.12.0"))).toBe(0);
  });

  test("is ordered the same way round from both sides, whatever is compared", () => {
    const any = fc.constantFrom(...ordered);
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});
