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

  test("are none where the file is another, or ends early", () => {
    expect(elfSections(readerOf(new Uint8Array(0)))).toEqual([]);
    expect(elfSections(readerOf(new TextEncoder().encode("x".repeat(200))))).toEqual([]);
    expect(elfSections(readerOf(bytes.subarray(0, 4096)))).toEqual([]);
  });
});
