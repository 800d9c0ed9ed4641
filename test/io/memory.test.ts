import { expect, test } from "bun:test";
import { ptr } from "bun:ffi";
import { existsSync, readFileSync } from "node:fs";
import { preferHugePages } from "../../src/io/libc.ts";
import { freePiece } from "../../src/io/memory.ts";

const hasHugePages = existsSync("/sys/kernel/mm/transparent_hugepage");

/** The flags of the mapping that an address lies in. @see proc_pid_smaps(5), VmFlags */
function flagsAt(address: number): string[] {
  let isIn = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) {
      isIn = parseInt(range[1] ?? "", 16) <= address && address < parseInt(range[2] ?? "", 16);
    } else if (isIn && line.startsWith("VmFlags:")) {
      return line.split(/\s+/).slice(1);
    }
  }
  return [];
}

test.skipIf(!hasHugePages)("memory is asked for in huge pages", () => {
  // So much was not in use before.
  const memory = Buffer.allocUnsafe(256 << 20);
  const middle = ptr(memory) + (128 << 20);
  expect(flagsAt(middle)).not.toContain("hg");
  preferHugePages(memory);
  expect(flagsAt(middle)).toContain("hg");
});

test("a piece is freed, unless its buffer goes on behind it", () => {
  const piece = new Uint8Array(16);
  freePiece(piece.subarray(0, 8));
  expect(piece.length).toBe(16);
  freePiece(piece.subarray(8));
  expect(piece.length).toBe(0);
});
