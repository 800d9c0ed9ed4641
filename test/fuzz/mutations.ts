/** Inputs out of a corpus: bits flipped, bytes put in, ranges cut out, doubled, grown and joined. */
import * as fc from "fast-check";
import { bytesOf, type Session } from "./target.ts";

/** Numbers at which parsers break. */
const numbers = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x1ffn,
  0x200n,
  0x7fffn,
  0xffffn,
  0x1_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
] as const;

type Edit = (bytes: Uint8Array) => Uint8Array;

/** A place in an input of any length. */
const place: fc.Arbitrary<(length: number) => number> = fc.oneof(
  // Headers are where the structure is.
  fc.nat(0x800).map((at) => (length: number) => Math.min(at, length)),
  fc.nat(1_000_000).map((part) => (length: number) => Math.floor((part / 1_000_000) * length)),
  fc.nat(32).map((back) => (length: number) => Math.max(0, length - back)),
);

const spanBytes = fc.oneof(fc.nat(8), fc.nat(600), fc.constantFrom(4, 8, 56, 64, 512));

function replaced(bytes: Uint8Array, at: number, length: number, by: Uint8Array): Uint8Array {
  const end = Math.min(bytes.length, at + length);
  const result = new Uint8Array(at + by.length + bytes.length - end);
  result.set(bytes.subarray(0, at));
  result.set(by, at);
  result.set(bytes.subarray(end), at + by.length);
  return result;
}

function numberBytes(value: bigint, width: number, isLittle: boolean): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  const cut = bytes.slice(0, width);
  return isLittle ? cut : cut.reverse();
}

function editOf(corpus: readonly Uint8Array[], words: readonly string[]): fc.Arbitrary<Edit> {
  const flip = fc.tuple(place, fc.nat(7)).map(([at, bit]) => (bytes: Uint8Array) => {
    const where = at(bytes.length);
    const old = bytes[where];
    return old === undefined ? bytes : replaced(bytes, where, 1, Uint8Array.of(old ^ (1 << bit)));
  });
  const put = fc.tuple(place, fc.uint8Array({ maxLength: 12 }), fc.boolean()).map(
    ([at, raw, isOver]) =>
      (bytes: Uint8Array) =>
        replaced(bytes, at(bytes.length), isOver ? raw.length : 0, raw),
  );
  const count = fc
    .tuple(place, fc.constantFrom(...numbers), fc.constantFrom(1, 2, 4, 8), fc.boolean())
    .map(
      ([at, value, width, isLittle]) =>
        (bytes: Uint8Array) =>
          replaced(bytes, at(bytes.length), width, numberBytes(value, width, isLittle)),
    );
  const digits = fc.tuple(place, fc.oneof(fc.constantFrom(...numbers), fc.bigInt(-9n, 99n))).map(
    ([at, value]) =>
      (bytes: Uint8Array) =>
        withDigits(bytes, at(bytes.length), value),
  );
  const cut = fc.tuple(place, spanBytes).map(
    ([at, length]) =>
      (bytes: Uint8Array) =>
        replaced(bytes, at(bytes.length), length, new Uint8Array()),
  );
  const end = place.map((at) => (bytes: Uint8Array) => bytes.slice(0, at(bytes.length)));
  const copy = fc
    .tuple(place, spanBytes, place)
    .map(([from, length, to]) => (bytes: Uint8Array) => {
      const start = from(bytes.length);
      return replaced(bytes, to(bytes.length), 0, bytes.subarray(start, start + length));
    });
  const splice = fc.tuple(fc.constantFrom(...corpus), place, place).map(
    ([other, ours, theirs]) =>
      (bytes: Uint8Array) =>
        replaced(bytes, ours(bytes.length), Infinity, other.subarray(theirs(other.length))),
  );
  const word = fc.tuple(place, fc.constantFrom("", "\0", "\n", "..", "__proto__", ...words)).map(
    ([at, text]) =>
      (bytes: Uint8Array) =>
        replaced(bytes, at(bytes.length), 0, bytesOf(text)),
  );
  return fc.oneof(flip, put, count, digits, cut, end, copy, splice, word);
}

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** The digits nearest after a place, as another number. */
function withDigits(bytes: Uint8Array, at: number, value: bigint): Uint8Array {
  let start = at;
  while (start < bytes.length && start < at + 256 && !isDigit(bytes[start])) start++;
  let end = start;
  while (isDigit(bytes[end])) end++;
  return start === end ? bytes : replaced(bytes, start, end - start, bytesOf(String(value)));
}

/** A range of an input, so often one after the other that the whole has up to so many bytes. */
function grownOf(base: fc.Arbitrary<Uint8Array>, maxBytes: number): fc.Arbitrary<Uint8Array> {
  const size = fc.oneof(fc.nat(65_536), fc.nat(maxBytes));
  return fc
    .tuple(base, place, fc.oneof(fc.nat(16), spanBytes), size)
    .map(([bytes, at, length, to]) => {
      const start = at(bytes.length);
      const range = bytes.subarray(start, start + Math.max(1, length));
      const room = Math.max(0, to - bytes.length);
      if (range.length === 0 || range.length > room) return bytes;
      const many = new Uint8Array(room - (room % range.length));
      for (let offset = 0; offset < many.length; offset += range.length) many.set(range, offset);
      return replaced(bytes, start, 0, many);
    });
}

/** Every input of a session. @param growTo undefined: none is grown on purpose */
export function inputsOf(
  { corpus, structured, words = [] }: Session,
  maxBytes: number,
  growTo: number | undefined,
): fc.Arbitrary<Uint8Array> {
  const made = fc.constantFrom(...corpus);
  const base = structured === undefined ? made : fc.oneof(made, structured);
  const edits = fc.array(editOf(corpus, words), { maxLength: 4 });
  const changed = fc
    .tuple(base, edits)
    .map(([bytes, some]) => some.reduce((result, edit) => edit(result), bytes));
  const weighted = [
    { weight: 10, arbitrary: changed },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }) },
    ...(structured === undefined ? [] : [{ weight: 6, arbitrary: structured }]),
    ...(growTo === undefined ? [] : [{ weight: 1, arbitrary: grownOf(changed, growTo) }]),
  ];
  return fc.oneof(...weighted).map((bytes) => bytes.slice(0, maxBytes));
}
