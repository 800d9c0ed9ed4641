import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";

import type { Arch } from "../../src/core/arch.ts";
import { requireBootable } from "../../src/core/bootable.ts";
import { BangerError } from "../../src/core/errors.ts";
import { type Compression, identifyImage, imageHeadBytes } from "../../src/core/kernel-image.ts";
import { loadSegment, makeArm64Image, makeBzImage, makeElf } from "../support/kernel-images.ts";
import { refusal } from "../support/refusal.ts";

const vmlinux = join(import.meta.dir, "../../../shared/kernels/generic-6.12/vmlinux");
const encoder = new TextEncoder();

const wrappers: readonly (readonly [Compression, readonly string[]])[] = [
  ["gzip", ["gzip", "-c"]],
  ["xz", ["xz", "-c"]],
  ["zstd", ["zstd", "-q", "-c"]],
  ["bzip2", ["bzip2", "-c"]],
  ["lz4", ["lz4", "-c"]],
  ["lz4", ["lz4", "-l", "-c"]],
  ["lzma", ["xz", "--format=lzma", "-c"]],
  ["lzo", ["lzop", "-c"]],
];

describe("identifyImage", () => {
  for (const [format, command] of wrappers) {
    test.skipIf(Bun.which(command[0] ?? "") === null)(
      `knows what ${command.join(" ")} wrote`,
      () => {
        const packed = Bun.spawnSync([...command], { stdin: makeElf() });
        const bytes = new Uint8Array(packed.stdout);
        expect(identifyImage(bytes, bytes.length)).toEqual({ kind: "compressed", format });
      },
    );
  }

  test.each<[string, number, string]>([
    ["tar", 257, "ustar\0"],
    ["zip", 0, "PK\u0003\u0004"],
    ["cpio", 0, "070701"],
    ["deb", 0, "!<arch>\ndebian-binary   "],
  ])("knows a %s archive", (format, at, magic) => {
    const file = new Uint8Array(1024);
    file.set(encoder.encode(magic), at);
    expect(refusal(file).message).toContain(`is a ${format} archive`);
  });

  test.skipIf(!existsSync("/bin/ls"))("refuses /bin/ls as a program", () => {
    const file = new Uint8Array(readFileSync("/bin/ls"));
    const kind = identifyImage(file.subarray(0, imageHeadBytes), file.length);
    if (kind.kind !== "elf" || kind.arch === undefined) throw new Error("no ELF file");
    expect(kind.userland).toBe(true);
    expect(refusal(kind, kind.arch).message).toContain("a program that runs on Linux");
  });

  test.skipIf(!existsSync(vmlinux))("accepts a real vmlinux, and no cut one", async () => {
    const sizeBytes = statSync(vmlinux).size;
    const head = new Uint8Array(await Bun.file(vmlinux).slice(0, imageHeadBytes).arrayBuffer());
    const kind = identifyImage(head, sizeBytes);
    expect(kind).toMatchObject({
      kind: "elf",
      arch: "x86_64",
      machine: 62,
      bits: 64,
      endian: "little",
      type: "executable",
      entry: 0x1000123,
      notes: [{ offset: expect.any(Number), fileBytes: expect.any(Number) }],
      userland: false,
      headerFault: undefined,
      neededBytes: sizeBytes,
    });
    requireBootable(kind, "x86_64", "vmlinux");
    for (const cut of [64, 4096, imageHeadBytes, sizeBytes / 2, sizeBytes - 1]) {
      expect(refusal(identifyImage(head.subarray(0, cut), cut)).message).toContain("cut short");
    }
  });

  test("reads a head that is a window into a larger buffer", () => {
    const whole = new Uint8Array(0x4000);
    whole.set(makeElf(), 0x800);
    const head = whole.subarray(0x800, 0x3800);
    requireBootable(identifyImage(head, head.length), "x86_64", "k");
  });

  test("throws nothing but wrong-image, for cut and random bytes of any size", () => {
    const template = fc.constantFrom(
      makeElf(),
      makeElf({ machine: 183 }),
      makeArm64Image(),
      makeBzImage(),
      new Uint8Array(0x400),
    );
    const change = fc.record({ at: fc.nat(0x240), bytes: fc.uint8Array({ maxLength: 16 }) });
    fc.assert(
      fc.property(
        template,
        fc.array(change, { maxLength: 4 }),
        fc.nat(0x3000),
        fc.oneof(fc.nat(), fc.maxSafeNat()),
        fc.constantFrom<Arch>("x86_64", "arm64"),
        (file, changes, length, sizeBytes, arch) => {
          const bytes = file.slice();
          for (const { at, bytes: patch } of changes) bytes.set(patch, at);
          const head = bytes.subarray(0, length);
          for (const size of [head.length, sizeBytes]) {
            const kind = identifyImage(head, size);
            try {
              requireBootable(kind, arch, "k");
              expect(kind.kind).toBe(arch === "arm64" ? "arm64-image" : "elf");
            } catch (error) {
              if (!(error instanceof BangerError)) throw error;
              expect(error.code).toBe("wrong-image");
              expect(error.hint).toBeTruthy();
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("accepts no prefix of a bootable ELF file", () => {
    const file = makeElf({ segments: [{ ...loadSegment, size: 0x2000 }] });
    fc.assert(
      fc.property(fc.nat(file.length - 1), (length) => {
        refusal(file.subarray(0, length));
      }),
    );
  });
});
