import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { inspectJson } from "../../src/core/json.ts";

const nothing = { duplicateKey: undefined, fraction: undefined };
const all = (): boolean => true;

describe("inspectJson", () => {
  test.each([
    ['{"a": 1, "a": 2}', "a"],
    ['{"a": {"b": 1, "b": 1}, "b": 1}', "a.b"],
    ['{"entries": [{"n": 1}, {"n": 1, "m": 2, "n": 3}]}', "entries[1].n"],
    ['{"a": 1, "\\u0061": 2}', "a"],
    ['{"a": {}, "b": [], "a": null}', "a"],
    ['{"": 1, "": 2}', ""],
    ['[[{"a": 1, "a": 1}]]', "[0][0].a"],
    ['{"a": 1, "b": 2, "b": 3, "a": 4}', "b"],
    ['{"__proto__": 1, "__proto__": 2}', "__proto__"],
    [String.raw`{"\\": 1, "\"": 2, "\\": 3}`, "\\"],
  ])("finds the first key that stands twice in %s", (text, place) => {
    expect(inspectJson(text).duplicateKey).toBe(place);
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
    expect(inspectJson(text, all)).toEqual(nothing);
  });

  test.each([
    ['{"a": 1.0}', "a"],
    ['{"a": 10, "b": 1E+3, "c": -0.5}', "b"],
    ['{"a": [1, 2.5, {"b": 0.1}]}', "a[2].b"],
    ['{"a": "1.0", "b": true}', undefined],
    ["1.5", undefined],
    ["[1.5]", undefined],
  ])("finds the first member that is no whole number in %s", (text, place) => {
    expect(inspectJson(text, all).fraction).toBe(place);
  });

  test("asks which numbers must be whole, by their key and how deep they are", () => {
    const text = '{"a": 1.5, "b": {"a": 2.5, "c": 3.5}}';
    expect(inspectJson(text).fraction).toBeUndefined();
    expect(inspectJson(text, (key, depth) => key === "a" && depth === 2).fraction).toBe("b.a");
    expect(inspectJson(text, (key) => key === "c").fraction).toBe("b.c");
  });

  test("finds nothing in what JSON.stringify wrote of whole numbers, and never throws", () => {
    const noFractions = fc.json().filter((text) => !/[.eE]/.test(text));
    fc.assert(
      fc.property(noFractions, fc.constantFrom(undefined, 2, "\t"), (text, space) => {
        const formatted = JSON.stringify(JSON.parse(text), undefined, space);
        expect(inspectJson(formatted, all)).toEqual(nothing);
      }),
    );
  });

  test("takes time in proportion to the text", () => {
    const text = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => ({ a: [index] })));
    expect(inspectJson(text)).toEqual(nothing);
  });

  test("sees a key that stands twice behind a string of megabytes", () => {
    for (const filling of ["x", '\\"', "\\\\"]) {
      const long = filling.repeat(4_000_000);
      expect(inspectJson(`{"a":"${long}","b":1,"b":2}`).duplicateKey).toBe("b");
    }
  });

  test("is not kept busy by many numbers at the end of a long path", () => {
    const [depth, count] = [100_000, 100_000];
    const numbers = `{${'"a":1.5,'.repeat(count)}"b":1}`;
    const text = "[".repeat(depth) + numbers + "]".repeat(depth);
    const { duplicateKey, fraction } = inspectJson(text, all);
    expect(duplicateKey).toBe(`…${"[0]".repeat(19)}.a`);
    expect(fraction).toBe(duplicateKey);
  });

  test("cuts a path that would fill the terminal", () => {
    const key = "k".repeat(100_000);
    const { duplicateKey } = inspectJson(`{"a":{"${key}":1,"${key}":2}}`);
    expect(duplicateKey).toBe(`a.${"k".repeat(200)}…`);
  });
});
