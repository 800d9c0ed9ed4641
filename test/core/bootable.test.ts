import { describe, expect, test } from "bun:test";
import { requireBootable } from "../../src/core/bootable.ts";
import { identifyImage } from "../../src/core/kernel-image.ts";
import {
  type ElfParts,
  loadSegment as load,
  makeArm64Image,
  makeBzImage,
  makeElf,
} from "../support/kernel-images.ts";
import { refusal } from "../support/refusal.ts";

const encoder = new TextEncoder();
/** Where the memory of a guest has its first gap: at 3 GiB. */
const memoryEnd = 0xc000_0000;

/** The first segment of a good kernel, and a second one at `address`, told in the other order. */
function overlapping(address: number): ElfParts {
  return {
    segments: [
      { ...load, address },
      { ...load, address: 0x100_0000 },
    ],
  };
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

  test.each(["k.tar.zst", "k.tar.xz", "K.TGZ"])("takes %s for an archive", (name) => {
    const { message, hint } = refusal({ kind: "compressed", format: "zstd" }, "x86_64", name);
    expect(message).toContain("is a zstd-compressed archive");
    expect(hint).toBe(`unpack it and use the kernel inside: tar -xf ${name}`);
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

  test.each<[string, ElfParts]>([
    ["starts at 0xfffff, below the first MiB", { entry: 0xf_ffff }],
    ["is loaded at 0xff000, below the first MiB", { segments: [{ ...load, address: 0xf_f000 }] }],
    ["of 4096 bytes, 4095 are to be loaded", { segments: [{ ...load, memory: 0xfff }] }],
    ["two of its segments are loaded at 0x1000fff", overlapping(0x100_0fff)],
    ["beyond the first 3 GiB", { segments: [{ ...load, address: memoryEnd - 0xfff }] }],
    ["starts at 0x1001000, where nothing is loaded", { entry: 0x100_1000 }],
    ["starts at 0xffffff, where nothing is loaded", { entry: 0xff_ffff }],
  ])("refuses a kernel that the memory of a guest is not made for: %s", (words, parts) => {
    expect(refusal(makeElf(parts)).message).toContain(words);
  });

  test("accepts segments that touch, and what ends where the memory does", () => {
    for (const parts of [overlapping(0x100_1000), overlapping(memoryEnd - 0x1000)]) {
      const file = makeElf(parts);
      requireBootable(identifyImage(file, file.length), "x86_64", "k");
    }
  });
});
