import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstDifference } from "../../src/io/first-difference.ts";

const folder = mkdtempSync(join(tmpdir(), "banger-difference-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The first difference between two files with these bytes. */
function differenceOf(left: Uint8Array, right: Uint8Array): ReturnType<typeof firstDifference> {
  writeFileSync(join(folder, "left"), left);
  writeFileSync(join(folder, "right"), right);
  return firstDifference(join(folder, "left"), join(folder, "right"));
}

describe("the first difference of two files", () => {
  const large = new Uint8Array(2 ** 20 + 10).fill(7);

  test("is none when they are the same", () => {
    expect(differenceOf(large, large)).toBeUndefined();
    expect(differenceOf(new Uint8Array(0), new Uint8Array(0))).toBeUndefined();
    expect(differenceOf(large.subarray(0, 2 ** 20), large.subarray(0, 2 ** 20))).toBeUndefined();
  });

  test.each([0, 5, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 9])("is at byte %d", (offset) => {
    const changed = large.slice();
    changed[offset] = 9;
    expect(differenceOf(large, changed)).toEqual({ offset, left: 7, right: 9 });
  });

  test("is where the shorter one ends", () => {
    const offset = 2 ** 20;
    expect(differenceOf(large, large.subarray(0, offset))).toEqual({
      offset,
      left: 7,
      right: undefined,
    });
    expect(differenceOf(new Uint8Array(0), large)).toEqual({
      offset: 0,
      left: undefined,
      right: 7,
    });
  });

  test("says which file cannot be read", () => {
    expect(() => firstDifference(join(folder, "gone"), join(folder, "left"))).toThrow("gone");
  });
});
