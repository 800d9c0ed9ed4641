import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { pvhEntry } from "../../src/core/elf-notes.ts";

const word = (number: number): number[] => [number & 0xff, (number >> 8) & 0xff, 0, 0];

function padded(part: readonly number[]): number[] {
  return [...part, ...Array.from({ length: (4 - (part.length % 4)) % 4 }, () => 0)];
}

/** An ELF note; name and value are padded to four bytes. */
function note(name: string, type: number, value: readonly number[]): number[] {
  const bytes = [...new TextEncoder().encode(name)];
  const head = [...word(bytes.length), ...word(value.length), ...word(type)];
  return [...head, ...padded(bytes), ...padded(value)];
}

const entry = (notes: readonly number[]): number | undefined => pvhEntry(Uint8Array.from(notes));

describe("the PVH entry", () => {
  test("is the value of Xen's note 18, of four or eight bytes", () => {
    expect(entry(note("Xen\0", 18, [0, 0, 0, 1]))).toBe(0x100_0000);
    expect(entry(note("Xen\0", 18, [0x50, 8, 0, 1, 0, 0, 0, 0]))).toBe(0x100_0850);
  });

  test("is found behind others", () => {
    const others = [...note("GNU\0", 3, [1, 2, 3, 4, 5]), ...note("Xen\0", 6, [1])];
    expect(entry([...others, ...note("Xen\0", 18, [0, 0, 0, 1])])).toBe(0x100_0000);
  });

  test.each<[string, readonly number[]]>([
    ["no notes", []],
    ["another owner", note("GNU\0", 18, [0, 0, 0, 1])],
    ["an owner that only begins so", note("Xen", 18, [0, 0, 0, 1])],
    ["another type", note("Xen\0", 17, [0, 0, 0, 1])],
    ["a value of another size", note("Xen\0", 18, [0, 1])],
    ["a note that is cut", note("Xen\0", 18, [0, 0, 0, 1]).slice(0, -1)],
    ["a note that is longer than all", [...note("GNU\0", 3, [1]).fill(0xff, 4, 8)]],
  ])("is not in %s", (_what, notes) => {
    expect(entry(notes)).toBeUndefined();
  });

  test("is asked of any bytes without harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const found = pvhEntry(bytes);
        expect(found === undefined || found >= 0).toBe(true);
      }),
    );
  });
});
