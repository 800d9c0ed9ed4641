import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ConsoleText } from "../../src/boot/console-text.ts";

test("what comes is kept, however it is cut, and each line is shown whole once", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-c\n]{0,12}$/)), (pieces) => {
      const console = new ConsoleText();
      const shown: string[] = [];
      for (const piece of pieces) shown.push(...console.add(piece).split("\n").slice(0, -1));
      const text = pieces.join("");
      expect(console.text).toBe(text);
      expect(shown).toEqual(text.split("\n").slice(0, -1));
    }),
  );
});

test("of a flood the beginning and the end are kept, and not much of the middle", () => {
  const console = new ConsoleText();
  console.add("the beginning\n");
  for (let index = 0; index < 500_000; index++) console.add(`line ${index}\n`);
  console.add("the end\n");
  expect(console.text).toStartWith("the beginning\nline 0\n");
  expect(console.text).toEndWith("line 499999\nthe end\n");
  expect(console.text.length).toBeLessThan(4 * 2 ** 20);
});

test("a line without end is shown in pieces", () => {
  const console = new ConsoleText();
  let longest = 0;
  for (let index = 0; index < 10_000; index++) longest = Math.max(longest, console.add("x").length);
  expect(longest).toBeLessThan(5000);
});
