import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";

import {
  type RootFileSystem,
  fileSystemBytes,
  fileSystemHeadBytes,
  identifyFileSystem,
} from "../../src/core/root-file-system.ts";

const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "banger-root-"));
  await mkdir(join(folder, "tree"));
  writeFileSync(join(folder, "tree", "file"), "hello");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tool(name: string): string | null {
  return Bun.which(name, { PATH: path });
}

/** The head of an image of `sizeMib` that `command` made at the path put for `IMAGE`. */
function makeHead(sizeMib: number, command: readonly string[]): Uint8Array {
  const image = join(folder, `${crypto.randomUUID()}.img`);
  writeFileSync(image, "");
  truncateSync(image, sizeMib * 2 ** 20);
  const words = command.map((word) => (word === "IMAGE" ? image : word));
  const run = Bun.spawnSync([tool(words[0] ?? "") ?? "", ...words.slice(1)], { cwd: folder });
  if (!run.success) throw new Error(`${words.join(" ")}: ${run.stderr.toString()}`);
  return new Uint8Array(readFileSync(image).subarray(0, fileSystemHeadBytes));
}

const made: readonly (readonly [string, RootFileSystem, number, readonly string[]])[] = [
  ["ext2", "ext2", 4, ["mke2fs", "-q", "-F", "-t", "ext2", "IMAGE"]],
  ["ext3", "ext3", 8, ["mke2fs", "-q", "-F", "-t", "ext3", "IMAGE"]],
  ["ext4", "ext4", 8, ["mke2fs", "-q", "-F", "-t", "ext4", "IMAGE"]],
  [
    "ext4 with 1 KiB blocks",
    "ext4",
    8,
    ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "IMAGE"],
  ],
  [
    "ext4 without journal",
    "ext4",
    4,
    ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "IMAGE"],
  ],
  [
    "squashfs",
    "squashfs",
    0,
    ["mksquashfs", "tree", "IMAGE", "-noappend", "-quiet", "-no-progress"],
  ],
  ["erofs", "erofs", 0, ["mkfs.erofs", "IMAGE", "tree"]],
  ["xfs", "xfs", 320, ["mkfs.xfs", "-q", "-f", "IMAGE"]],
  ["btrfs", "btrfs", 128, ["mkfs.btrfs", "-q", "-f", "IMAGE"]],
];

test("an ext superblock with blocks that no kernel mounts is none, and its size is always a number", () => {
  const head = new Uint8Array(fileSystemHeadBytes);
  const view = new DataView(head.buffer);
  view.setUint16(0x438, 0xef53, true);
  for (const shift of [0, 6]) {
    view.setUint32(0x418, shift, true);
    expect(identifyFileSystem(head)).toBe("ext2");
    expect(fileSystemBytes(head, "ext2")).toBe(0);
  }
  for (const shift of [7, 0xffff_ffff]) {
    view.setUint32(0x418, shift, true);
    expect(identifyFileSystem(head)).toBeUndefined();
  }
});

describe("identifyFileSystem", () => {
  for (const [name, kind, sizeMib, command] of made) {
    test.skipIf(tool(command[0] ?? "") === null)(`knows a real ${name} image`, () => {
      expect(identifyFileSystem(makeHead(sizeMib, command))).toBe(kind);
    });
  }

  test.skipIf(tool("mke2fs") === null)("does not take an external ext journal for a root", () => {
    const head = makeHead(8, ["mke2fs", "-q", "-F", "-O", "journal_dev", "IMAGE"]);
    expect(identifyFileSystem(head)).toBeUndefined();
  });

  test.skipIf(tool("mkfs.btrfs") === null)("needs every byte that it says it needs", () => {
    const head = makeHead(128, ["mkfs.btrfs", "-q", "-f", "IMAGE"]);
    expect(identifyFileSystem(head.subarray(0, 0x1_0047))).toBeUndefined();
    expect(identifyFileSystem(head.subarray(0, 0x1_0048))).toBe("btrfs");
    expect(fileSystemBytes(head.subarray(0, fileSystemHeadBytes - 5), "btrfs")).toBe(0);
    expect(fileSystemBytes(head.subarray(0, fileSystemHeadBytes), "btrfs")).toBe(128 * 2 ** 20);
  });

  test("reads a head that is a window into a larger buffer", () => {
    const whole = new Uint8Array(4096);
    whole.set(new TextEncoder().encode("hsqs"), 100);
    expect(identifyFileSystem(whole.subarray(100))).toBe("squashfs");
  });

  test("knows nothing in an empty file or in zeros", () => {
    expect(identifyFileSystem(new Uint8Array(0))).toBeUndefined();
    expect(identifyFileSystem(new Uint8Array(fileSystemHeadBytes))).toBeUndefined();
  });

  test("never throws, whatever the bytes and wherever they end", () => {
    const magic = fc.constantFrom(0, 1024, 0x438, 0x1_0040);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        magic,
        fc.nat(0x1_0100),
        (bytes, at, length) => {
          const head = new Uint8Array(0x1_0100);
          head.set(bytes, at);
          head[0x438] = 0x53;
          head[0x439] = 0xef;
          const cut = head.subarray(0, length);
          const kind = identifyFileSystem(cut);
          if (kind !== undefined) expect(fileSystemBytes(cut, kind)).not.toBeNaN();
        },
      ),
    );
  });
});
