import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { elfSections, sectionOf } from "../../src/core/elf-sections.ts";

const program = "/bin/busybox";
const bytes = readFileSync(program);
const readerOf = (data: Uint8Array) => (offset: number, sizeBytes: number) =>
  data.subarray(offset, offset + sizeBytes);

describe("the sections of an ELF file", () => {
  test("are those that readelf lists", () => {
    const listed = execFileSync("readelf", ["-SW", program], { encoding: "utf8" });
    const wanted = [
      ...listed.matchAll(/^ +\[ *\d+\] (\S+) +(\S+) +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)/gm),
    ]
      .filter(([, , type]) => type !== "NOBITS" && type !== "NULL")
      .map(([, name = "", , offset = "", size = ""]) => ({
        name,
        offset: Number.parseInt(offset, 16),
        sizeBytes: Number.parseInt(size, 16),
      }));
    expect(wanted.length).toBeGreaterThan(5);
    expect(elfSections(readerOf(bytes))).toEqual(wanted);
    const text = wanted.find(({ name }) => name === ".text");
    if (text === undefined) throw new Error("a program has a .text");
    expect(sectionOf(wanted, text.offset + text.sizeBytes - 1)?.name).toBe(".text");
    expect(sectionOf(wanted, 0)).toBeUndefined();
  });

  test("cost no more memory and no longer names than a kernel has, whatever their headers say", () => {
    const names = new TextEncoder().encode(`\0${"n".repeat(300_000)}\0short\0`);
    const file = new Uint8Array(64 + 3 * 64 + names.length);
    const view = new DataView(file.buffer);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    file.set(names, 64 + 3 * 64);
    view.setBigUint64(40, 64n, true);
    view.setUint16(58, 64, true);
    view.setUint16(60, 3, true);
    for (const [index, nameAt, size] of [
      [0, 0, 2n ** 40n],
      [1, 1, 5n],
      [2, 300_002, 5n],
    ] as const) {
      view.setUint32(64 + index * 64, nameAt, true);
      view.setBigUint64(64 + index * 64 + 24, BigInt(64 + 3 * 64), true);
      view.setBigUint64(64 + index * 64 + 32, size, true);
    }
    const asked: number[] = [];
    const found = elfSections((offset, sizeBytes) => {
      asked.push(sizeBytes);
      return file.subarray(offset, offset + sizeBytes);
    });
    expect(asked).toEqual([64, 192, 2 ** 20]);
    expect(found.map(({ name }) => name)).toEqual(["", "", "short"]);
    view.setBigUint64(64 + 24, 2n ** 63n, true);
    expect(elfSections(readerOf(file))).toEqual([]);
  });

  test("are none where the file is another, or ends early", () => {
    expect(elfSections(readerOf(new Uint8Array(0)))).toEqual([]);
    expect(elfSections(readerOf(new TextEncoder().encode("x".repeat(200))))).toEqual([]);
    expect(elfSections(readerOf(bytes.subarray(0, 4096)))).toEqual([]);
  });
});
