/** What is searched for in the bytes of a kernel: its configuration and its banner. */
import { strict as assert } from "node:assert";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { IkconfigSearch } from "../../../src/core/ikconfig.ts";
import { bannerParts, BannerSearch } from "../../../src/core/kernel-banner.ts";
import { concat } from "../../support/tar-builder.ts";
import { smallKernel } from "../../support/small-kernel.ts";
import { bytesOf, chunkSizes, type FuzzTarget, piecesOf, textOf } from "../target.ts";

/** Filling, configurations between their marks, and marks that are none. */
const marked = fc
  .array(
    fc.oneof(
      fc.constantFrom("IKCFG_", "IKCFG_ST", "IKCFG_ED", "IKCFG_IKCFG_ST").map(bytesOf),
      fc.uint8Array({ maxLength: 40 }),
      fc
        .string({ maxLength: 60 })
        .map((text) =>
          concat(
            bytesOf("IKCFG_ST"),
            new Uint8Array(gzipSync(`CONFIG_A="${text}"`)),
            bytesOf("IKCFG_ED"),
          ),
        ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => concat(...parts));

function configsOf(input: Uint8Array, size: number): IkconfigSearch["found"] {
  const search = new IkconfigSearch();
  for (const piece of piecesOf(input, size)) search.push(piece);
  return search.found;
}

/** The first four places between the last start mark and the end mark after it, by looking at the text. */
function configsByText(input: Uint8Array): IkconfigSearch["found"] {
  const text = Buffer.from(input).toString("latin1");
  return [...text.matchAll(/IKCFG_ST((?:(?!IKCFG_ST|IKCFG_ED)[^])+?)IKCFG_ED/g)]
    .map((match) => ({ offset: match.index + 8, sizeBytes: match[1]?.length ?? 0 }))
    .slice(0, 4);
}

const ikconfig: FuzzTarget = {
  name: "ikconfig",
  codes: [],
  maxBytes: 2 ** 17,
  start: () => ({
    corpus: [
      smallKernel({ sizeBytes: 8192, config: "CONFIG_A=y\n" }),
      bytesOf("IKCFG_STaIKCFG_ED"),
    ],
    structured: marked,
    words: ["IKCFG_ST", "IKCFG_ED", "IKCFG_"],
    run: (input) => {
      const found = configsOf(input, Math.max(1, input.length));
      for (const size of chunkSizes(input)) assert.deepEqual(configsOf(input, size), found);
      assert.deepEqual(found, configsByText(input));
      const [first] = found;
      if (first === undefined) return "refused";
      const bytes = input.subarray(first.offset, first.offset + first.sizeBytes);
      // What was put in whole comes out whole.
      if (bytes[0] === 0x1f && isGzip(bytes)) assert.ok(gunzipSync(bytes).length >= 0);
      return "accepted";
    },
  }),
};

function isGzip(bytes: Uint8Array): boolean {
  try {
    gunzipSync(bytes);
    return true;
  } catch {
    return false;
  }
}

const bannerText = fc
  .array(
    fc.constantFrom(
      "Linux version ",
      "Linux version 6.12.1 (a@b) (gcc (Debian) 12, GNU ld 2.40) #1 SMP 2026\n\0",
      "Linux version 6.12.1 () # SMP \n",
      "6.12.117-generic ",
      "(a@b) ",
      "((",
      ")",
      "Linux ",
      "x".repeat(70),
      "y".repeat(1100),
      "\0",
    ),
    { maxLength: 12 },
  )
  .map((parts) => bytesOf(parts.join("")));

function bannerOf(input: Uint8Array, size: number): BannerSearch["found"] {
  const search = new BannerSearch();
  for (const piece of piecesOf(input, size)) if (search.push(piece)) break;
  return search.found;
}

const banner: FuzzTarget = {
  name: "kernel-banner",
  codes: [],
  maxBytes: 2 ** 18,
  start: () => ({
    corpus: [
      smallKernel({ sizeBytes: 8192 }),
      bytesOf("Linux version 6.12.1 (a@b) (gcc) #1 SMP\n"),
    ],
    structured: bannerText,
    words: ["Linux version ", " (", "6.12."],
    run: (input) => {
      const found = bannerOf(input, Math.max(1, input.length));
      for (const size of chunkSizes(input)) assert.deepEqual(bannerOf(input, size), found);
      if (found === undefined) return "refused";
      assert.match(found.text, /^[\x20-\x7e]{1,1024}$/);
      assert.ok(textOf(input).includes(found.text) && found.release.startsWith(found.version));
      const parts = bannerParts(found);
      if (parts !== undefined) {
        const { builder, compiler, build } = parts;
        assert.equal(
          `Linux version ${found.release} (${builder}) (${compiler}) ${build}`,
          found.text,
        );
      }
      return "accepted";
    },
  }),
};

export const kernelSearchTargets: readonly FuzzTarget[] = [ikconfig, banner];
