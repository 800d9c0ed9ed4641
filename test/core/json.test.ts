import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { inspectJson } from "../../src/core/json.ts";

describe("inspectJson", () => {
  test.each<[string, readonly string[]]>([
    ['{"a": 1, "a": 2}', ["a"]],
    ['{"a": {"b": 1, "b": 1}, "b": 1}', ["a.b"]],
    ['{"entries": [{"n": 1}, {"n": 1, "m": 2, "n": 3}]}', ["entries[1].n"]],
    ['{"a": 1, "\\u0061": 2}', ["a"]],
    ['{"a": {}, "b": [], "a": null}', ["a"]],
    ['{"": 1, "": 2}', [""]],
    ['[[{"a": 1, "a": 1}]]', ["[0][0].a"]],
    ['{"a": 1, "a": 2, "a": 3}', ["a", "a"]],
    ['{"__proto__": 1, "__proto__": 2}', ["__proto__"]],
  ])("finds the keys that stand twice in %s", (text, places) => {
    expect(inspectJson(text).duplicateKeys).toEqual([...places]);
  });

  test.each([
    '{"a": {"a": {"a": 1}}}',
    '{"a": "a", "b": "a"}',
    '[{"a": 1}, {"a": 1}]',
    String.raw`{"a": "\"b\": 1, \"a\": {", "b": "}", "c": ["\\"]}`,
    '{"a":[1,2,{"b":3}],"b":4}',
    "{}",
    "[]",
    "null",
    '"text"',
    "1",
  ])("finds none in %s", (text) => {
    expect(inspectJson(text)).toEqual({ duplicateKeys: [], nonIntegers: [] });
  });

  test.each<[string, readonly string[]]>([
    ['{"a": 1.0}', ["a"]],
    ['{"a": 1e3, "b": 1E+3, "c": -0.5, "d": 10}', ["a", "b", "c"]],
    ['{"a": [1, 2.5, {"b": 0.1}]}', ["a[1]", "a[2].b"]],
    ['{"a": "1.0", "b": true}', []],
    ["1.5", [""]],
  ])("finds the numbers with a fraction or an exponent in %s", (text, places) => {
    expect(inspectJson(text).nonIntegers).toEqual([...places]);
  });

  test("finds nothing in what JSON.stringify wrote of whole numbers, and never throws", () => {
    const noFractions = fc.json().filter((text) => !/[.eE]/.test(text));
    fc.assert(
      fc.property(noFractions, fc.constantFrom(undefined, 2, "\t"), (text, space) => {
        const formatted = JSON.stringify(JSON.parse(text), undefined, space);
        expect(inspectJson(formatted)).toEqual({ duplicateKeys: [], nonIntegers: [] });
      }),
    );
  });

  test("takes time in proportion to the text", () => {
    const text = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => ({ a: [index] })));
    expect(inspectJson(text).duplicateKeys).toEqual([]);
  });
});
