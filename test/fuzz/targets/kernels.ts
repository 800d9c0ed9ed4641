/** Kernel images: ELF files, arm64 Images, bzImages, and what is found in their bytes. */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { requireBootable } from "../../../src/core/bootable.ts";
import { pvhEntry } from "../../../src/core/elf-notes.ts";
import { elfSections } from "../../../src/core/elf-sections.ts";
import { identifyImage, imageArch, imageHeadBytes } from "../../../src/core/kernel-image.ts";
import { bzImagePayload, efiZbootPayload } from "../../../src/core/kernel-payload.ts";
import { concat } from "../../support/tar-builder.ts";
import { makeArm64Image, makeBzImage, makeEfiZboot, makeElf } from "../../support/kernel-images.ts";
import { smallKernel } from "../../support/small-kernel.ts";
import { realKernels } from "../real-kernels.ts";
import { bytesOf, type FuzzTarget } from "../target.ts";

const headBytes = 4096;
const programs = { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } };

/** What readelf says of a file. */
function readelf(file: string, ...flags: readonly string[]): string {
  const end = spawnSync("readelf", [...flags, file], { ...programs, maxBuffer: 2 ** 26 });
  return end.stdout.toString("latin1");
}

/** Some fields of a kernel that is otherwise good. */
const elfFile = fc
  .record(
    {
      bits: fc.nat(3),
      data: fc.nat(3),
      type: fc.nat(5),
      machine: fc.constantFrom(62, 183, 3, 0),
      headersAt: fc.constantFrom(0, 63, 64, 120, 0x2fff, 2 ** 40),
      entry: fc.constantFrom(0, 0x100_0000, 0x100_0fff, 0x100_1000, 2 ** 52),
      sectionsAt: fc.constantFrom(0, 64, 0x2000, 2 ** 52),
      segments: fc.array(
        fc.record({
          type: fc.constantFrom(1, 1, 1, 3, 4, 7, 99),
          offset: fc.constantFrom(0, 0x1000, 0x2000, 2 ** 52),
          size: fc.constantFrom(0, 1, 0x1000, 2 ** 52),
          address: fc.constantFrom(0, 0x100_0000, 0x110_0000, 0xbfff_f000, 2 ** 52),
          memory: fc.constantFrom(0, 1, 0x1000, 0x2000, 2 ** 52),
        }),
        { maxLength: 4 },
      ),
    },
    { requiredKeys: [] },
  )
  .map((parts) => makeElf(parts));

/** `LOAD` lines: where a segment is in the file and in memory. */
function loadsOf(listing: string): string[] {
  return [
    ...listing.matchAll(
      /^ {2}LOAD +(0x[0-9a-f]+) 0x[0-9a-f]+ (0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+)/gm,
    ),
  ]
    .map(([, ...numbers]) => numbers.map(Number))
    .filter(([, , fileBytes]) => fileBytes !== 0)
    .map((numbers) => numbers.join(" "));
}

const kernelImage: FuzzTarget = {
  name: "kernel-image",
  codes: ["wrong-image"],
  testRuns: 150,
  start: async (scratch) => {
    const file = join(scratch, "vmlinux");
    const real = await realKernels();
    return {
      corpus: [
        smallKernel({ sizeBytes: 8192 }),
        smallKernel({ arch: "arm64", sizeBytes: 8192 }),
        makeElf(),
        makeArm64Image(),
        makeBzImage(),
        makeEfiZboot(bytesOf("payload of it")),
        ...real.map(({ head }) => head),
        bytesOf("<!doctype html><html>"),
        bytesOf("version https://git-lfs.github.com/spec/v1\n"),
      ],
      structured: elfFile,
      words: ["\x7fELF", "HdrS", "ARM\x64", "PE\0\0", "zimg", "<!--", "-->", "ustar", "<html"],
      run: (input) => {
        const head = input.subarray(0, imageHeadBytes);
        const image = identifyImage(head, input.length);
        identifyImage(head, 2 ** 40);
        for (const arch of ["x86_64", "arm64"] as const) {
          if (imageArch(image) !== arch) assert.throws(() => requireBootable(image, arch, "it"));
        }
        requireBootable(image, imageArch(image) ?? "x86_64", "it");
        if (image.kind === "elf") {
          writeFileSync(file, input);
          const listing = readelf(file, "-lW");
          const ours = image.loads.map(({ offset, physicalAddress, fileBytes, memoryBytes }) =>
            [offset, physicalAddress, fileBytes, memoryBytes].join(" "),
          );
          assert.deepEqual(ours, loadsOf(listing));
          assert.equal(image.entry, Number(/Entry point (0x[0-9a-f]+)/.exec(listing)?.[1]));
        }
        return "accepted";
      },
    };
  },
};

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};
const padded = (bytes: Uint8Array): Uint8Array =>
  concat(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));

function note(name: string, type: number, value: Uint8Array): Uint8Array {
  const bytes = bytesOf(name);
  return concat(word(bytes.length), word(value.length), word(type), padded(bytes), padded(value));
}

const notes = fc
  .array(
    fc
      .tuple(
        fc.constantFrom("Xen\0", "Xen", "GNU\0", "Linux\0", ""),
        fc.oneof(fc.constant(18), fc.nat(20)),
        fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ minLength: 4, maxLength: 4 })),
      )
      .map((parts) => note(...parts)),
    { maxLength: 5 },
  )
  .map((parts) => concat(...parts));

/** The values of the notes 18 of Xen's that have four or eight bytes, as readelf lists them. */
function pvhEntriesOf(listing: string): number[] {
  const found = listing.matchAll(
    /^ {2}Xen +0x0000000([48])\t[^\n]*\(0x00000012\)[^\n]*\n? *description data: ((?:[0-9a-f]{2} )+)/gm,
  );
  return [...found].map(([, , data = ""]) =>
    Number(`0x${data.trim().split(" ").toReversed().join("")}`),
  );
}

const elfNotes: FuzzTarget = {
  name: "elf-notes",
  codes: [],
  maxBytes: 65_536,
  start: async (scratch) => {
    const file = join(scratch, "notes");
    const real = await realKernels();
    return {
      corpus: [
        note("Xen\0", 18, word(0x100_0000)),
        ...real.flatMap((kernel) => (kernel.notes === undefined ? [] : [kernel.notes])),
      ],
      structured: notes,
      words: ["Xen\0", "\x12\0\0\0"],
      run: (input) => {
        const entry = pvhEntry(input);
        if (entry === undefined) return "refused";
        const segments = [{ type: 4, offset: 0x3000, size: input.length }];
        writeFileSync(file, concat(makeElf({ segments }), input));
        // Not the first of them: readelf does not tell a name that has no NUL.
        assert.ok(pvhEntriesOf(readelf(file, "-nW")).includes(entry), String(entry));
        return "accepted";
      },
    };
  },
};

/** A file with three section headers: none, text, and the names. */
const sectionedElf = fc
  .tuple(
    fc.array(fc.oneof(fc.nat(40), fc.constantFrom(2 ** 32 - 1, 2 ** 52)), {
      minLength: 6,
      maxLength: 6,
    }),
    fc.oneof(fc.nat(30), fc.nat(200_000)),
  )
  .map(([numbers, length]) => {
    const names = concat(new Uint8Array(1), bytesOf(`${".".repeat(length)}text\0.names\0`));
    const at = 64 + 3 * 64;
    const file = new Uint8Array(at + names.length);
    const view = new DataView(file.buffer);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    view.setBigUint64(40, 64n, true);
    for (const [offset, value] of [
      [58, 64],
      [60, 3],
      [62, 2],
    ] as const)
      view.setUint16(offset, value, true);
    const section = (
      index: number,
      nameAt: number,
      type: number,
      offset: number,
      size: number,
    ): void => {
      view.setUint32(64 + index * 64, nameAt, true);
      view.setUint32(64 + index * 64 + 4, type, true);
      view.setBigUint64(64 + index * 64 + 24, BigInt(offset), true);
      view.setBigUint64(64 + index * 64 + 32, BigInt(size), true);
    };
    const [nameAt = 0, type = 0, offset = 0, size = 0] = numbers;
    section(1, nameAt, type % 10, offset, size);
    section(2, 1, 3, at, names.length);
    file.set(names, at);
    return file;
  });

const sections: FuzzTarget = {
  name: "elf-sections",
  codes: [],
  start: () => ({
    corpus: [smallElfWithSections()],
    structured: sectionedElf,
    run: (input) => {
      let readBytes = 0;
      const found = elfSections((offset, sizeBytes) => {
        // As a file is read: it ends where it ends, and what is asked for is made room for.
        const bytes = new Uint8Array(sizeBytes);
        const there = input.subarray(offset, offset + sizeBytes);
        bytes.set(there);
        readBytes += sizeBytes;
        return bytes.subarray(0, there.length);
      });
      assert.ok(readBytes <= 64 + 65_535 * 64 + 2 ** 26, `${readBytes} bytes were asked for`);
      for (const { sizeBytes, offset, name } of found) {
        assert.ok(sizeBytes > 0 && offset >= 0 && !name.includes("\0"));
      }
      return found.length === 0 ? "refused" : "accepted";
    },
  }),
};

function smallElfWithSections(): Uint8Array {
  const [made] = fc.sample(sectionedElf, { numRuns: 1, seed: 2 });
  if (made === undefined) throw new Error("one was asked for");
  return made;
}

const payload: FuzzTarget = {
  name: "kernel-payload",
  codes: [],
  start: () => {
    const packed = new Uint8Array(gzipSync(smallKernel({ sizeBytes: 8192 })));
    return {
      corpus: [makeBzImage(packed), makeEfiZboot(packed)],
      words: ["HdrS", "zimg"],
      run: (input) => {
        const head = input.subarray(0, headBytes);
        const found = [bzImagePayload(head, input.length), efiZbootPayload(head, input.length)];
        for (const place of found) {
          if (place === undefined) continue;
          assert.ok(place.offset > 0 || place.sizeBytes <= input.length);
          assert.ok(place.sizeBytes > 0 && place.offset + place.sizeBytes <= input.length);
        }
        return found.every((place) => place === undefined) ? "refused" : "accepted";
      },
    };
  },
};

export const kernelTargets: readonly FuzzTarget[] = [kernelImage, elfNotes, sections, payload];
