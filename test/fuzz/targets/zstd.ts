/** The framing of zstd files, and what comes out of them. */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { ZstdFrames, type ZstdSummary } from "../../../src/core/zstd-frames.ts";
import { decompress } from "../../../src/io/zstd.ts";
import { refusal } from "../../support/tar-reading.ts";
import { concat } from "../../support/tar-builder.ts";
import { chunkSizes, type FuzzTarget, piecesOf } from "../target.ts";

const windowBytes = 32 * 2 ** 20;

const le = (value: number, width: number): number[] =>
  Array.from({ length: width }, (_, index) => Math.floor(value / 256 ** index) % 256);

/** A block: raw content, or one byte so often. */
const block = fc
  .tuple(fc.constantFrom(0, 0, 1, 1, 2, 3), fc.nat(300), fc.uint8Array({ maxLength: 300 }))
  .map(([type, size, content]) => ({ type, size: type === 0 ? content.length : size, content }));

/** A frame without a checksum, made field by field. */
const frame = fc
  .record({
    window: fc.oneof(fc.constantFrom(0, 8, 0x58, 0x78, 0xff), fc.nat(255)),
    single: fc.boolean(),
    sizeFlag: fc.nat(3),
    dictionaryFlag: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.nat(3)),
    declared: fc.oneof(fc.nat(600), fc.constantFrom(2 ** 31, 2 ** 53)),
    honest: fc.boolean(),
    blocks: fc.array(block, { minLength: 1, maxLength: 3 }),
  })
  .map(({ window, single, sizeFlag, dictionaryFlag, declared, honest, blocks }) => {
    const sizeWidth = [single ? 1 : 0, 2, 4, 8][sizeFlag] ?? 0;
    const total = blocks.reduce((sum, { size }) => sum + size, 0);
    const told = honest ? total - (sizeWidth === 2 ? 256 : 0) : declared;
    return Uint8Array.from([
      ...le(0xfd2fb528, 4),
      (sizeFlag << 6) | (single ? 0x20 : 0) | dictionaryFlag,
      ...(single ? [] : [window]),
      ...le(0, [0, 1, 2, 4][dictionaryFlag] ?? 0),
      ...le(Math.max(0, told), sizeWidth),
      ...blocks.flatMap(({ type, size, content }, index) => [
        ...le((size << 3) | (type << 1) | Number(index === blocks.length - 1), 3),
        ...(type === 1 ? [97] : content),
      ]),
    ]);
  });
const skippable = fc
  .uint8Array({ maxLength: 20 })
  .map((raw) => Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, ...le(raw.length, 4), ...raw]));
const packed = fc
  .tuple(
    fc.oneof(
      fc.uint8Array({ maxLength: 900 }),
      fc.nat(40_000).map((size) => new Uint8Array(size)),
    ),
    fc.nat(19),
  )
  .map(
    ([plain, level]) =>
      new Uint8Array(zstdCompressSync(plain, { params: { 100: level, 201: level % 2 } })),
  );
const files = fc
  .array(fc.oneof(frame, packed, packed, skippable), { minLength: 1, maxLength: 3 })
  .map((frames) => concat(...frames));

function summaryOf(input: Uint8Array, size: number): ZstdSummary {
  const frames = new ZstdFrames({ windowBytes });
  for (const piece of piecesOf(input, size)) frames.push(piece);
  return frames.end();
}

/** What the zstd program makes of a file; undefined when it finds fault with it. */
function unpacked(input: Uint8Array): Uint8Array | undefined {
  const end = spawnSync("zstd", ["-dcq", "--single-thread"], { input, maxBuffer: 2 ** 28 });
  return end.status === 0 ? end.stdout : undefined;
}

/** Starting a program takes longer than all else: it is asked about some. */
function isAsked(input: Uint8Array): boolean {
  const sum = input.subarray(0, 65_536).reduce((total, byte) => total + byte, 0);
  return input.length <= 65_536 && input[0] === 0x28 && sum % 6 === 0;
}

const corpus = (): Uint8Array[] => {
  const text = Buffer.from("kernel ".repeat(3000));
  const checked = new Uint8Array(zstdCompressSync(text, { params: { 201: 1 } }));
  return [
    checked,
    new Uint8Array(zstdCompressSync(Buffer.alloc(300_000, "ab"))),
    concat(checked, checked),
  ];
};
const words = ["\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18"];

const zstdFrames: FuzzTarget = {
  name: "zstd-frames",
  codes: ["verification-failed"],
  start: () => ({
    corpus: corpus(),
    structured: files,
    words,
    run: (input) => {
      const why = refusal("verification-failed", () => summaryOf(input, Math.max(1, input.length)));
      for (const size of chunkSizes(input)) {
        assert.equal(
          refusal("verification-failed", () => summaryOf(input, size)),
          why,
        );
      }
      const content = isAsked(input) ? unpacked(input) : undefined;
      if (why !== undefined) {
        // What is refused although zstd can read it, is refused for our own reasons.
        const isOurs = /skippable|window|is empty|dictionary/.test(why);
        assert.ok(content === undefined || isOurs, `zstd reads what is refused: ${why}`);
        return "refused";
      }
      const { contentBytes, maxWindowBytes } = summaryOf(input, input.length);
      assert.ok(maxWindowBytes <= windowBytes);
      if (content !== undefined && contentBytes !== undefined)
        assert.equal(content.length, contentBytes);
      return "accepted";
    },
  }),
};

const zstdContent: FuzzTarget = {
  name: "zstd-content",
  codes: ["verification-failed"],
  maxBytes: 2 ** 16,
  start: (scratch) => {
    const file = join(scratch, "file.zst");
    return {
      corpus: corpus(),
      structured: files,
      words,
      run: async (input): Promise<"accepted"> => {
        writeFileSync(file, input);
        const descriptor = openSync(file, "r");
        try {
          const chunks: Uint8Array[] = [];
          let total = 0;
          for await (const chunk of decompress(
            descriptor,
            input.length,
            new AbortController().signal,
          )) {
            total += chunk.length;
            if (total > 2 ** 26) return "accepted"; // a caller has stopped by now
            chunks.push(chunk);
          }
          // The decoder may pass over a cut; the hash and the size of the tar have the last word.
          const theirs = isAsked(input) ? unpacked(input) : undefined;
          if (theirs !== undefined)
            assert.ok(Buffer.concat(chunks).equals(theirs), "other bytes than zstd's");
          return "accepted";
        } finally {
          closeSync(descriptor);
        }
      },
    };
  },
};

export const zstdTargets: readonly FuzzTarget[] = [zstdFrames, zstdContent];
