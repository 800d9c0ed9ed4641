import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";

import type { Arch } from "../../src/core/arch.ts";
import { BangerError } from "../../src/core/errors.ts";
import {
  type Compression,
  type ImageKind,
  identifyImage,
  imageHeadBytes,
  requireBootable,
} from "../../src/core/kernel-image.ts";
import {
  type ElfParts,
  loadSegment as load,
  makeArm64Image,
  makeBzImage,
  makeElf,
} from "../support/kernel-images.ts";

const vmlinux = join(import.meta.dir, "../../../shared/kernels/generic-6.12/vmlinux");
const encoder = new TextEncoder();

function refusal(
  file: Uint8Array | ImageKind,
  arch: Arch = "x86_64",
  path = "k/file",
): BangerError {
  const kind = file instanceof Uint8Array ? identifyImage(file, file.length) : file;
  try {
    requireBootable(kind, arch, path);
  } catch (error) {
    if (error instanceof BangerError) {
      expect(error.code).toBe("wrong-image");
      return error;
    }
    throw error;
  }
  throw new Error(`${kind.kind} was not refused`);
}

describe("requireBootable", () => {
  test("accepts an x86_64 executable, position-independent or not", () => {
    for (const type of [2, 3]) {
      const file = makeElf({ type });
      requireBootable(identifyImage(file, file.length), "x86_64", "k");
    }
  });

  test("accepts an arm64 Image", () => {
    const file = makeArm64Image();
    requireBootable(identifyImage(file, file.length), "arm64", "k");
  });

  test.each<[string, ElfParts]>([
    ["an object file or kernel module", { type: 1 }],
    ["a core dump", { type: 4 }],
    ["a program that runs on Linux", { segments: [load, { ...load, type: 3 }] }],
    ["a program that runs on Linux", { segments: [load, { ...load, type: 7 }] }],
    ["a 32-bit ELF file", { bits: 1 }],
    ["a damaged ELF file", { bits: 7 }],
    ["a damaged ELF file", { data: 0 }],
    ["a big-endian ELF file", { data: 2 }],
    ["an ELF file for arm64", { machine: 183 }],
    ["an ELF file for machine 243", { machine: 243 }],
    ["an ELF file of an unknown type", { type: 9 }],
    ["program headers are 32 bytes each, expected 56", { headerSize: 32 }],
    ["program headers overlap the file header", { headersAt: 63 }],
    ["program headers are missing", { segments: [] }],
    ["an ELF file with nothing to load", { segments: [{ ...load, type: 4 }] }],
    ["an ELF file with nothing to load", { segments: [{ ...load, size: 0 }] }],
    ["is cut short: it has 12288 bytes", { segments: [{ ...load, size: 0x3000 }] }],
    ["is cut short", { segments: [load, { ...load, offset: 2 ** 52 }] }],
    ["is cut short", { sectionsAt: 0x3000 - 64 }],
    ["is cut short", { headersAt: 0x3000 }],
  ])("refuses an ELF file: %s", (words, parts) => {
    const error = refusal(makeElf(parts));
    expect(error.message).toContain(words);
    expect(error.message).toStartWith("k/file is ");
  });

  test("refuses program headers that are in the file but past its head", () => {
    const file = makeElf({ headersAt: 0x2000 });
    const kind = identifyImage(file.subarray(0, 0x1000), file.length);
    expect(refusal(kind).message).toContain("expected them in the first 4096");
  });

  test("calls an ELF file cut short when it ends in its header", () => {
    for (const length of [4, 5, 19, 20, 63]) {
      expect(refusal(makeElf().subarray(0, length)).message).toBe(
        `k/file is cut short: it has ${length} bytes, its headers ask for 64`,
      );
    }
  });

  test("sends the owner of an arm64 vmlinux to the Image", () => {
    const error = refusal(makeElf({ machine: 183 }), "arm64");
    expect(error.message).toBe("k/file is an ELF vmlinux, not an uncompressed arm64 Image");
    expect(error.hint).toContain("arch/arm64/boot/Image");
  });

  test("tells the two architectures apart", () => {
    expect(refusal(makeElf(), "arm64").message).toContain("an ELF file for x86_64");
    expect(refusal(makeArm64Image(), "x86_64").message).toContain("an arm64 Image, not");
  });

  test("refuses an Image that is cut, big-endian, or asks for no memory or too much", () => {
    expect(refusal(makeArm64Image().subarray(0, 0x1fff), "arm64").message).toBe(
      "k/file is cut short: it has 8191 bytes, its headers ask for 8192",
    );
    expect(refusal(makeArm64Image(0x100_0000n, 0xb), "arm64").message).toContain("big-endian");
    expect(refusal(makeArm64Image(0n), "arm64").message).toContain("asks for 0 bytes of memory");
    expect(refusal(makeArm64Image(2n ** 63n), "arm64").message).toContain("bytes of memory");
  });

  test("says what a bzImage is, and how to get the vmlinux", () => {
    const error = refusal(makeBzImage(), "x86_64", "/boot/my kernel");
    expect(error.message).toBe(
      "/boot/my kernel is a compressed bzImage, not an uncompressed x86_64 vmlinux",
    );
    expect(error.hint).toEndWith("banger kernel extract '/boot/my kernel' -o vmlinux");
    expect(refusal(makeBzImage(), "arm64").message).toContain("x86 bzImage");
  });

  test("has words for a compressed EFI kernel", () => {
    const file = new Uint8Array(4096);
    file.set(encoder.encode("MZ\0\0zimg"));
    expect(refusal(file, "arm64").message).toContain("compressed EFI program");
  });

  test.each<[string, string, string]>([
    ["<!DOCTYPE html>\n<title>404</title>", "an HTML page", "servers send their errors as text"],
    ["\n<HTML><body>Not found", "an HTML page", "servers"],
    [`<?xml version="1.0"?><Error/>`, "an XML document", "servers"],
    ["version https://git-lfs.github.com/spec/v1\noid x\n", "a Git LFS pointer", "git lfs pull"],
    ["Not Found\n", "a text file", "servers"],
  ])("has words for text: %j", (text, words, hint) => {
    const error = refusal(encoder.encode(text));
    expect(error.message).toBe(`k/file is ${words}, not an uncompressed x86_64 vmlinux`);
    expect(error.hint).toContain(hint);
  });

  test("has words for an empty file, a folder and bytes that it does not know", () => {
    expect(refusal(new Uint8Array(0)).message).toContain("is an empty file");
    expect(refusal({ kind: "folder" }).message).toContain("is a folder");
    expect(refusal(new Uint8Array(4096)).message).toContain("no kernel image that banger knows");
  });

  test.each<[string, string]>([
    ["a/vmlinux.gz", "a/vmlinux.gz -o vmlinux"],
    ["vmlinux", "vmlinux -o vmlinux.extracted"],
    ["a/vmlinux", "a/vmlinux -o vmlinux.extracted"],
    ["it's.gz", String.raw`'it'\''s.gz' -o vmlinux`],
    ["-k.gz", "./-k.gz -o vmlinux"],
  ])("tells how to unwrap %j, and never onto itself", (path, words) => {
    const { hint } = refusal(new Uint8Array([0x1f, 0x8b, 8, 0]), "x86_64", path);
    expect(hint).toBe(`to get the kernel out of it: banger kernel extract ${words}`);
  });

  test("refuses a kernel that starts or is loaded where Firecracker has no memory for it", () => {
    const low = makeElf();
    new DataView(low.buffer).setBigUint64(24, 0xf_ffffn, true);
    expect(refusal(low).message).toContain("starts at 0xfffff, below the first MiB");
    const high = makeElf();
    new DataView(high.buffer).setBigUint64(64 + 24, 0xc000_0000n, true);
    new DataView(high.buffer).setBigUint64(64 + 40, 1n, true);
    expect(refusal(high).message).toContain("beyond the first 3 GiB");
    new DataView(high.buffer).setBigUint64(64 + 24, 0xbfff_ffffn, true);
    requireBootable(identifyImage(high, high.length), "x86_64", "k");
  });
});

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
    const file = makeElf({ segments: [{ ...load, size: 0x2000 }] });
    fc.assert(
      fc.property(fc.nat(file.length - 1), (length) => {
        refusal(file.subarray(0, length));
      }),
    );
  });
});
