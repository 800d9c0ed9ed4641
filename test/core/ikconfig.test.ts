import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type EmbeddedConfig, IkconfigSearch, maxIkconfigBytes } from "../../src/core/ikconfig.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function find(image: Uint8Array, chunkBytes: number): readonly EmbeddedConfig[] {
  const search = new IkconfigSearch();
  for (let at = 0; at < image.length; at += chunkBytes) {
    search.push(image.subarray(at, at + chunkBytes));
  }
  return search.found;
}

describe("the embedded configuration", () => {
  test("is found between its marks, whatever the chunks are", () => {
    const image = bytesOf("before IKCFG_ IKCFG_STconfigurationIKCFG_ED after");
    for (let chunkBytes = 1; chunkBytes <= image.length + 1; chunkBytes++) {
      expect(find(image, chunkBytes)).toEqual([{ offset: 22, sizeBytes: 13 }]);
    }
  });

  test("begins behind the last start mark", () => {
    expect(find(bytesOf("IKCFG_ST IKCFG_STabIKCFG_ED"), 64)).toEqual([
      { offset: 17, sizeBytes: 2 },
    ]);
  });

  test.each([
    "IKCFG_ST",
    "IKCFG_STabc",
    "abcIKCFG_ED",
    "IKCFG_STIKCFG_ED",
    "IKCFG_XXabIKCFG_ED",
    "",
  ])("is not in %j", (text) => {
    for (const chunkBytes of [1, 3, 64]) expect(find(bytesOf(text), chunkBytes)).toEqual([]);
  });

  test("may have a MiB and no more", () => {
    const image = new Uint8Array(maxIkconfigBytes + 17).fill(0x20);
    image.set(bytesOf("IKCFG_ST"));
    image.set(bytesOf("IKCFG_ED"), maxIkconfigBytes + 8);
    expect(find(image, 1 << 16)).toEqual([{ offset: 8, sizeBytes: maxIkconfigBytes }]);
    image.set(bytesOf(" IKCFG_ED"), maxIkconfigBytes + 8);
    expect(find(image, 1 << 16)).toEqual([]);
  });

  test("is looked for a few times only in an image that is full of marks", () => {
    expect(find(bytesOf("IKCFG_STxIKCFG_ED".repeat(1000)), 100)).toHaveLength(4);
  });

  test("is the same for any way to cut the image", () => {
    const word = fc.constantFrom("IKCFG_ST", "IKCFG_ED", "IKCFG_", "IK", "ST", "ED", "x");
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (words, cut) => {
          const image = bytesOf(words.join(""));
          expect(find(image, cut)).toEqual(find(image, image.length + 1));
        },
      ),
    );
  });
});
