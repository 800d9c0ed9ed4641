import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { nearest } from "../../src/core/nearest.ts";

const commands = ["list", "pull", "import", "remove", "verify", "show", "generic-6.12"];

describe("nearest", () => {
  test.each([
    ["lsit", "list"],
    ["pul", "pull"],
    ["pulll", "pull"],
    ["verfy", "verify"],
    ["romove", "remove"],
    ["generic-6.21", "generic-6.12"],
    ["generc-612", "generic-6.12"],
  ])("takes %j for %j", (word, meant) => {
    expect(nearest(word, commands)).toBe(meant);
  });

  test.each(["", "frobnicate", "x", "zz", "constructor", "a".repeat(100_000)])(
    "suggests nothing for %j that is far from all",
    (word) => {
      expect(nearest(word, commands)).toBeUndefined();
    },
  );

  test("prefers a candidate that begins with the word, the shortest first", () => {
    expect(nearest("gen", ["den", "generic-6.12", "generic"])).toBe("generic");
  });

  test("takes the earlier one of two that are equally near", () => {
    expect(nearest("cat", ["bat", "hat"])).toBe("bat");
  });

  test("counts a swap of neighbours as one error", () => {
    expect(nearest("ab", ["ba"])).toBe("ba");
  });

  test("answers with one of the candidates or with nothing", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (word, candidates) => {
        const answer = nearest(word, candidates);
        expect(answer === undefined || candidates.includes(answer)).toBe(true);
      }),
    );
  });

  test("finds a word of six letters again after any single letter was dropped", () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), (index) => {
        const word = "verify";
        expect(nearest(word.slice(0, index) + word.slice(index + 1), commands)).toBe(word);
      }),
    );
  });
});
