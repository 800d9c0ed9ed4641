import { describe, expect, test } from "bun:test";
import type { TarEntryHeader } from "../../src/core/tar-header.ts";
import { applyPax, parsePaxRecords } from "../../src/core/tar-pax.ts";
import { bytes, concat, paxRecord } from "../support/tar-builder.ts";
import { refusal } from "../support/tar-reading.ts";

const refused = (body: string | Uint8Array) =>
  refusal("unsafe-archive", () => parsePaxRecords(bytes(body)));
const refusedRecord = (key: string, value: string) => refused(paxRecord(key, value));

describe("pax records are read", () => {
  test("for path, linkpath, size and mtime", () => {
    const records = [
      paxRecord("path", "a=b"),
      paxRecord("linkpath", "c"),
      paxRecord("size", "9007199254740991"),
      paxRecord("mtime", "-1700000000.123456789"),
    ];
    expect(parsePaxRecords(concat(...records))).toEqual({
      path: "a=b",
      linkPath: "c",
      sizeBytes: Number.MAX_SAFE_INTEGER,
    });
  });

  test("with a newline in the value, which the length covers", () => {
    expect(parsePaxRecords(paxRecord("path", "a\nb")).path).toBe("a\nb");
  });

  test("at every length around the places where the length gets a digit more", () => {
    for (let length = 1; length < 1100; length += 1) {
      const value = "n".repeat(length);
      expect(parsePaxRecords(paxRecord("path", value)).path).toBe(value);
    }
  });
});

describe("pax records are refused", () => {
  test.each([
    "atime",
    "ctime",
    "uid",
    "uname",
    "comment",
    "charset",
    "hdrcharset",
    "GNU.sparse.major",
    "GNU.sparse.name",
    "SCHILY.xattr.user.x",
    "LIBARCHIVE.creationtime",
    "PATH",
    "__proto__",
  ])("for the key %s, which is named", (key) => {
    expect(refusedRecord(key, "1")).toContain(`pax key is "${key}"`);
  });

  test.each([
    ["nothing", ""],
    ["a length of zero", "0 path=a\n"],
    ["a leading zero", "010 path=a\n"],
    ["a negative length", "-9 path=a\n"],
    ["no length", "path=a\n"],
    ["no space", "9path=a\n"],
    ["a tab for the space", "9\tpath=a\n"],
    ["a length that is too short", "8 path=a\n"],
    ["a length that is too long", "11 path=a\n"],
    ["a length of only itself", "2 \n"],
    ["a length that leaves no record", "3 \n"],
    ["a huge length", "99999999999999999999 path=a\n"],
    ["no newline", "9 path=aX"],
    ["no equals sign", "7 path\n"],
    ["no key", "5 =a\n"],
    ["bytes after the last record", "10 path=a\n\0\0"],
    ["a record that is cut", "10 path=a\n10 pa"],
  ])("for %s", (_, body) => {
    expect(refused(body)).toBeString();
  });

  test("for a duplicate key", () => {
    const twice = concat(paxRecord("path", "a"), paxRecord("path", "b"));
    expect(refused(twice)).toContain('"path" comes twice');
  });

  test.each(["", "a\0b"])("for the name %j", (name) => {
    expect(refusedRecord("path", name)).toContain("expected a name");
    expect(refusedRecord("linkpath", name)).toContain("expected a name");
  });

  test.each(["", "-1", "+1", "01", "1.0", "1e3", "0x10", " 1", "9007199254740992", "9".repeat(30)])(
    "for the size %j",
    (size) => {
      expect(refusedRecord("size", size)).toContain("pax size");
    },
  );

  test.each(["", "-", ".5", "1.", "1,5", "NaN", "9".repeat(19)])("for the mtime %j", (mtime) => {
    expect(refusedRecord("mtime", mtime)).toContain("pax mtime");
  });

  test("beyond 64 KiB", () => {
    expect(refusedRecord("mtime", `1.${"0".repeat(65_536 - 15)}`)).toBeUndefined();
    expect(refusedRecord("mtime", `1.${"0".repeat(65_536 - 14)}`)).toContain("65537 bytes");
  });
});

describe("a pax header applied to a header", () => {
  const none = { path: undefined, linkPath: undefined, sizeBytes: undefined };
  const file: TarEntryHeader = { kind: "file", name: "short", linkName: "", sizeBytes: 7 };
  const empty: TarEntryHeader = { ...file, sizeBytes: 0 };
  const directory: TarEntryHeader = { ...empty, kind: "directory" };
  const link: TarEntryHeader = { ...empty, kind: "symlink", linkName: "t" };
  const huge = 8 * 1024 ** 3;

  test("replaces the name and the link target", () => {
    expect(applyPax(link, { ...none, path: "p", linkPath: "l" })).toEqual({
      kind: "symlink",
      name: "p",
      linkName: "l",
      sizeBytes: 0,
    });
    expect(applyPax(file, none)).toEqual(file);
  });

  test("may repeat the size, and give one that the header cannot tell", () => {
    expect(applyPax(file, { ...none, sizeBytes: 7 }).sizeBytes).toBe(7);
    expect(applyPax(directory, { ...none, sizeBytes: 0 }).sizeBytes).toBe(0);
    expect(applyPax(empty, { ...none, sizeBytes: huge }).sizeBytes).toBe(huge);
    const full = { ...file, sizeBytes: huge - 1 };
    expect(applyPax(full, { ...none, sizeBytes: huge }).sizeBytes).toBe(huge);
  });

  test.each([
    ["a file of another size", file, 8],
    ["a file of another size, over 8 GiB", file, huge],
    ["an empty file, whose next header it would hide", empty, 512],
    ["a directory", directory, 1],
    ["a directory, over 8 GiB", directory, huge],
    ["a symlink", link, 1],
  ])("is refused when its size contradicts %s", (_, header, sizeBytes) => {
    const run = () => applyPax(header, { ...none, sizeBytes });
    expect(refusal("unsafe-archive", run)).toContain("by its pax header");
  });

  test.each([file, directory])("is refused when it gives a link target to a $kind", (header) => {
    const run = () => applyPax(header, { ...none, linkPath: "l" });
    expect(refusal("unsafe-archive", run)).toContain('pax link "l"');
  });
});
