import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Needle } from "../../src/core/needle.ts";

// Few letters, so that there are many near misses.
const text = (minLength: number) =>
  fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength, maxLength: 80 });

const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);

test("is found where indexOf finds it", () => {
  fc.assert(
    fc.property(text(1), text(0), fc.nat(100), (wanted, hay, from) => {
      expect(new Needle(wanted).indexIn(bytesOf(hay), from)).toBe(
        from > hay.length ? -1 : hay.indexOf(wanted, from),
      );
    }),
  );
});

test("is seen to begin where the end cuts it", () => {
  fc.assert(
    fc.property(text(1), text(0), fc.nat(80), (wanted, hay, from) => {
      const starts = Array.from({ length: hay.length }, (_, index) => index);
      const first = starts.find(
        (start) =>
          start >= from &&
          hay.length - start < wanted.length &&
          wanted.startsWith(hay.slice(start)),
      );
      expect(new Needle(wanted).cutIndexIn(bytesOf(hay), from)).toBe(first ?? hay.length);
    }),
  );
});
