import { describe, expect, test } from "bun:test";
import { parseTarHeader, quoted } from "../../src/core/tar-header.ts";
import { gnuMagic, type TarFields, tarRaw, withChecksum } from "../support/tar-builder.ts";
import { refusal } from "../support/tar-reading.ts";

const parsed = (fields: TarFields) => parseTarHeader(tarRaw({ name: "x", ...fields }));
const refused = (fields: TarFields) => refusal("unsafe-archive", () => parsed(fields));

describe("a tar header is read", () => {
  test("from the POSIX form, with its prefix before its name", () => {
    expect(parsed({ prefix: "a/b", name: "c", size: 5 })).toEqual({
      kind: "file",
      name: "a/b/c",
      linkName: "",
      sizeBytes: 5,
    });
  });

  test("from GNU's form without extensions", () => {
    expect(parsed({ ...gnuMagic, size: 5 })).toMatchObject({ name: "x", sizeBytes: 5 });
  });

  test("of the kinds file, old file, directory, symlink and pax", () => {
    const kinds = ["0", "\0", "5", "2", "x"].map((type) => parsed({ type }).kind);
    expect(kinds).toEqual(["file", "file", "directory", "symlink", "pax"]);
  });

  test("whatever its mode, owner and time are", () => {
    const fields = { mode: 0o7777, uid: "\x80\0\0\0\0\0\0\x01", gid: "", mtime: "77777777777\0" };
    expect(parsed({ ...fields, uname: "eve", gname: "eve" })).toMatchObject({ kind: "file" });
  });

  test("with names that fill their fields without a NUL", () => {
    const name = "n".repeat(100);
    const prefix = "p".repeat(155);
    const header = parsed({ name, prefix, type: "2", linkName: "l".repeat(100) });
    expect(header).toMatchObject({ name: `${prefix}/${name}`, linkName: "l".repeat(100) });
  });

  test("with the largest size that octal digits can tell", () => {
    expect(parsed({ size: 0o77777777777 }).sizeBytes).toBe(8 * 1024 ** 3 - 1);
  });

  test("with a space as the terminator of its numbers", () => {
    expect(parsed({ size: "00000000005 " }).sizeBytes).toBe(5);
    expect(parsed({ size: "5 \0" }).sizeBytes).toBe(5);
  });
});

describe("a tar header is refused", () => {
  test.each([
    ["1", "a hard link"],
    ["3", "a character device"],
    ["4", "a block device"],
    ["6", "a FIFO"],
    ["7", "a contiguous file"],
    ["g", "a global pax header"],
    ["S", "a GNU sparse file"],
    ["L", "a GNU long name"],
    ["K", "a GNU long link name"],
    ["V", "a GNU volume label"],
    ["Z", 'of unknown type "Z"'],
    ["\xff", String.raw`of unknown type "\xff"`],
  ])("for its type %j, which is named", (type, kind) => {
    expect(refused({ type })).toContain(`"x" is ${kind}`);
  });

  test.each([
    ["negative", "-0000000001\0"],
    ["base 256", "\x80\0\0\0\0\0\0\0\0\0\0\x01"],
    ["base 256 and negative", "\xff".repeat(12)],
    ["base 256 beyond 2^53", "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"],
    ["empty", ""],
    ["not octal", "00000000009\0"],
    ["not terminated", "000000000010"],
    ["hexadecimal", "0x10\0"],
    ["led by spaces", "          5\0"],
    ["followed by a second number", "00005\x0000007\0"],
  ])("for a size that is %s", (_, size) => {
    expect(refused({ size })).toContain("size is");
  });

  test("for a wrong checksum, also one that is right for signed bytes", () => {
    const name = "\xe9\xe9";
    const good = tarRaw({ name });
    const sum = Number.parseInt(Buffer.from(good.subarray(148, 154)).toString(), 8);
    expect(refused({ name, checksum: sum })).toBeUndefined();
    expect(refused({ name, checksum: sum + 1 })).toContain("checksum");
    expect(refused({ name, checksum: sum - 512 })).toContain("checksum");
    expect(refused({ name, checksum: "" })).toContain("checksum");
  });

  test("for one flipped bit, but in the checksum's terminators: NUL and space are one bit apart", () => {
    const good = tarRaw({ name: "vmlinux", size: 5 });
    const accepted: number[] = [];
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bad = good.slice();
      bad[bit >> 3] = (good[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (refusal("unsafe-archive", () => parseTarHeader(bad)) === undefined) accepted.push(bit);
    }
    expect(accepted).toEqual([154 * 8 + 5, 155 * 8 + 5]);
  });

  test("without a ustar magic: V7, another version, all zero", () => {
    expect(refused({ magic: "", version: "" })).toContain("magic");
    expect(refused({ version: "01" })).toContain("magic");
    expect(refused({ magic: "ustar ", version: "00" })).toContain("magic");
    const zero = new Uint8Array(512);
    expect(refusal("unsafe-archive", () => parseTarHeader(zero))).toContain("magic");
  });

  test("with GNU's extensions in the place of the prefix", () => {
    expect(refused({ ...gnuMagic, prefix: "00000000000" })).toContain("GNU header extension");
    expect(refused({ ...gnuMagic, tail: "\x01" })).toContain("GNU header extension");
  });

  test("with bytes hidden after a NUL", () => {
    expect(refused({ name: "vmlinux\0hidden" })).toContain("after its NUL");
    expect(refused({ prefix: "a\0b" })).toContain("after its NUL");
    expect(refused({ type: "2", linkName: "a\0b" })).toContain("after its NUL");
    expect(refused({ tail: "tar\0" })).toContain("after its header");
  });

  test("with content in a directory or a symlink", () => {
    expect(refused({ type: "5", size: 512 })).toContain("size of 512 bytes, expected 0");
    expect(refused({ type: "2", size: 1 })).toContain("size of 1 bytes, expected 0");
  });

  test("with a link target where no link is", () => {
    expect(refused({ linkName: "y" })).toContain('link target "y"');
    expect(refused({ type: "5", linkName: "y" })).toContain('link target "y"');
  });
});

test("an error message shows hostile names escaped and cut", () => {
  expect(quoted('a\x1b[2J"\\\x80')).toBe(String.raw`"a\x1b[2J\"\\\x80"`);
  expect(quoted("n".repeat(4096))).toHaveLength(123);
});

test("the builder's repaired checksum is the one that a whole header has", () => {
  const block = tarRaw({ name: "x" });
  expect(withChecksum(block)).toEqual(block);
});
