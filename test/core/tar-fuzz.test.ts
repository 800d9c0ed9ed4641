import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import {
  bytes,
  concat,
  tarBundle,
  tarDirectory,
  tarFile,
  tarPax,
  tarSymlink,
  withChecksum,
} from "../support/tar-builder.ts";
import { gnuTarList, ourList, tarRefusal } from "../support/tar-reading.ts";

const parts = [
  tarFile("vmlinux", "kernel"),
  tarDirectory("modules"),
  tarPax([
    ["path", `modules/${"n".repeat(150)}`],
    ["size", "5"],
  ]),
  tarFile("short", "12345"),
  tarSymlink("modules/link", "../vmlinux"),
  tarFile("initrd.img", "z".repeat(600)),
];
const valid = tarBundle(...parts.slice(1));

/** Whatever is accepted must be what GNU tar sees. */
function expectAgreement(archive: Uint8Array): boolean {
  if (tarRefusal(archive) !== undefined) return false;
  expect(gnuTarList(archive).lines).toEqual(ourList(archive));
  return true;
}

describe("whatever the bytes are, the reader ends, and refuses in its own words", () => {
  test("for random bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 1, max: 700 }),
        (raw, size) => {
          expect(tarRefusal(raw, size)).toBeString();
        },
      ),
    );
  });

  test("for random blocks with a right checksum and magic", () => {
    const block = fc.uint8Array({ minLength: 512, maxLength: 512 }).map((raw) => {
      const header = raw.slice();
      header.set(bytes("ustar\x0000"), 257);
      header.set(bytes("00000000010\0"), 124);
      return withChecksum(header);
    });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 4 }), (blocks) => {
        expect(tarRefusal(concat(...blocks))).toBeString();
      }),
    );
  });

  test("for archives with bytes changed, cut out or doubled; chunks make no difference", () => {
    const edit = fc.record({
      at: fc.nat(valid.length - 1),
      length: fc.nat(600),
      raw: fc.uint8Array({ maxLength: 600 }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.nat(700), (edits, size) => {
        let archive = valid;
        for (const { at, length, raw } of edits) {
          archive = concat(archive.subarray(0, at), raw, archive.subarray(at + length));
        }
        expect(tarRefusal(archive, size + 1)).toBe(tarRefusal(archive));
      }),
    );
  });
});

describe("what is accepted is what GNU tar lists", () => {
  test("for headers with changed bytes and a repaired checksum", () => {
    const headers = Array.from({ length: valid.length / 512 }, (_, index) => index * 512).filter(
      (at) => Buffer.from(valid.subarray(at + 257, at + 262)).toString() === "ustar",
    );
    const edit = fc.record({
      header: fc.constantFrom(...headers),
      at: fc.oneof(fc.nat(511), fc.constantFrom(0, 7, 124, 134, 135, 156, 157, 257, 263, 345)),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...bytes("\0 0125gxLKS/.-"))),
    });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
        const archive = valid.slice();
        for (const { header, at, byte } of edits) {
          archive[header + at] = byte;
          archive.set(withChecksum(archive.subarray(header, header + 512)), header);
        }
        accepted += Number(expectAgreement(archive));
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test("for the parts of an archive in any order and number", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 6 }), (some) => {
        accepted += Number(expectAgreement(tarBundle(...some)));
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  test.each(["ustar", "posix", "gnu"])("for what GNU tar writes in the format %s", (format) => {
    const folder = mkdtempSync(join(tmpdir(), "banger-tar-"));
    try {
      mkdirSync(join(folder, "modules/deep"), { recursive: true });
      writeFileSync(join(folder, "vmlinux"), "k".repeat(70_000));
      writeFileSync(join(folder, "modules/deep/a.ko"), "");
      symlinkSync("../deep/a.ko", join(folder, "modules/deep/link"));
      // GNU tar writes access and change times too unless told not to.
      const pax = format === "posix" ? ["--pax-option=delete=atime,delete=ctime"] : [];
      const names = ["vmlinux", "modules"];
      const tar = Bun.spawnSync([
        "tar",
        "-C",
        folder,
        "-c",
        "-f",
        "-",
        `--format=${format}`,
        ...pax,
        ...names,
      ]);
      expect(tarRefusal(tar.stdout)).toBeUndefined();
      expect(expectAgreement(tar.stdout)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
