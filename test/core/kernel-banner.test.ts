import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";

import { type Banner, bannerParts, BannerSearch } from "../../src/core/kernel-banner.ts";

const vmlinux = join(import.meta.dir, "../../../shared/kernels/generic-6.12/vmlinux");
const line = "Linux version 6.12.117-generic (b@h) (gcc 12.2.0) #1 SMP 2026-01-01";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function find(image: Uint8Array, chunkBytes: number = 1 << 20): Banner | undefined {
  const search = new BannerSearch();
  for (let at = 0; at < image.length; at += chunkBytes) {
    if (search.push(image.subarray(at, at + chunkBytes))) break;
  }
  return search.found;
}

describe("BannerSearch", () => {
  test("finds the text, the release and the version", () => {
    expect(find(bytes(`\0\u007fELF\0${line}\n\0 more`))).toEqual({
      text: line,
      release: "6.12.117-generic",
      version: "6.12.117",
    });
  });

  test.each([
    ["6.12", "6.12"],
    ["6.18.0-rc1+", "6.18.0"],
    ["5.10.234-dirty", "5.10.234"],
    ["5.15.153.1-microsoft-standard-WSL2", "5.15.153"],
    ["6.12.117+deb12-amd64", "6.12.117"],
  ])("reads %j as version %j", (release, version) => {
    expect(find(bytes(`Linux version ${release} (b@h) x\n`))).toMatchObject({ release, version });
  });

  test.each([
    "Linux version %s (%s)\n",
    "%s version %s (b@h) (gcc) %s\n",
    "Linux version 6 (b@h)\n",
    "Linux version 6.x (b@h)\n",
    "Linux version 6.12.117\n(b@h)",
    "Linux version 6.12.117",
    "Linux version",
    `Linux version 6.12.${"1".repeat(90)} (b@h)\n`,
    `Linux version 6.12.1-${"a".repeat(60)} (b@h)\n`,
    "linux version 6.12.117 (b@h)\n",
    "",
  ])("does not take %j for a banner", (text) => {
    for (const chunkBytes of [1, 7, 4096]) expect(find(bytes(text), chunkBytes)).toBeUndefined();
  });

  test("passes over format strings and false starts before the banner", () => {
    const image = bytes(`Linux version %s (%s)\n\0Linux Linux version Linux version ${line}\n`);
    for (let chunkBytes = 1; chunkBytes < 40; chunkBytes++) {
      expect(find(image, chunkBytes)?.text).toBe(line);
    }
  });

  test("takes the first of two banners", () => {
    expect(find(bytes(`${line}\nLinux version 5.10.1 (b@h) y\n`))?.version).toBe("6.12.117");
  });

  test("takes the banner that stands in for the real one only when there is no other", () => {
    const standIn = line.replace("#1 SMP 2026-01-01", "# SMP PREEMPT_DYNAMIC 2026-01-01");
    for (const chunkBytes of [1, 7, 90, 4096]) {
      expect(find(bytes(`${standIn}\n\0${line}\n`), chunkBytes)?.text).toBe(line);
      expect(find(bytes(`${standIn}\n\0${line}`), chunkBytes)?.text).toBe(line);
      expect(find(bytes(`${standIn}\n\0`), chunkBytes)?.text).toBe(standIn);
      expect(find(bytes(standIn), chunkBytes)?.text).toBe(standIn);
    }
  });

  test("accepts a banner that ends with the file", () => {
    expect(find(bytes(`xx${line}`), 5)?.text).toBe(line);
  });

  test("cuts a text that never ends", () => {
    const found = find(bytes(line + "x".repeat(100_000)), 333);
    expect(found?.text.length).toBe(1024);
  });

  test("says true only when nothing can change any more", () => {
    const search = new BannerSearch();
    expect(search.push(bytes(`..${line.slice(0, 40)}`))).toBe(false);
    expect(search.found?.version).toBe("6.12.117");
    expect(search.push(bytes(line.slice(40)))).toBe(false);
    expect(search.push(bytes("\0"))).toBe(true);
    expect(search.push(bytes("Linux version 1.2.3 (x)\n"))).toBe(true);
    expect(search.found?.text).toBe(line);
  });

  test("does not keep the caller's buffer", () => {
    const buffer = bytes(`....${line.slice(0, 30)}`);
    const search = new BannerSearch();
    search.push(buffer);
    buffer.fill(0);
    search.push(bytes(`${line.slice(30)}\n`));
    expect(search.found?.text).toBe(line);
  });

  test("finds the same however the image is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("L", "Linux ", "Linux version ", "Linux version %s (", "\0", "v")),
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1 }),
        (noise, cuts) => {
          const image = bytes(`${noise.join("")}${line}\n${noise.join("")}`);
          const search = new BannerSearch();
          let at = 0;
          for (let turn = 0; at < image.length; turn++) {
            const length = (cuts[turn % cuts.length] ?? 0) + (turn % 7 === 0 ? 1 : 0);
            search.push(image.subarray(at, at + length));
            at += length;
          }
          expect(search.found).toEqual(find(image));
          expect(search.found?.text).toBe(line);
        },
      ),
    );
  });

  test("never throws on random bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 })), (chunks) => {
        const search = new BannerSearch();
        for (const chunk of chunks) search.push(chunk);
        expect(search.found).toBeUndefined();
      }),
    );
  });

  test.skipIf(!existsSync(vmlinux))(
    "finds the banner of a real kernel at any chunk size",
    async () => {
      const image = new Uint8Array(await Bun.file(vmlinux).arrayBuffer());
      for (const chunkBytes of [4096, 65_536, 1 << 20, image.length]) {
        expect(find(image, chunkBytes)).toMatchObject({ release: "6.12.117", version: "6.12.117" });
      }
    },
  );

  test("searches 300 MB before the test's time is up", () => {
    const search = new BannerSearch();
    const chunk = new Uint8Array(3_000_000).map((_, index) => (index * 2_654_435_761) >>> 13);
    for (let turn = 0; turn < 100; turn++) search.push(chunk);
    expect(search.found).toBeUndefined();
  });

  test.each(["Linux version %", "Linux version 1 ", "Linux version 1 (", " ", "v", "Linux versio"])(
    "is not slowed down by 30 MB of %j",
    (text) => {
      const chunk = bytes(text.repeat(Math.floor(1_000_000 / text.length)));
      const search = new BannerSearch();
      for (let turn = 0; turn < 30; turn++) search.push(chunk);
      expect(search.found).toBeUndefined();
    },
  );
});

const partsOf = (text: string): ReturnType<typeof bannerParts> =>
  bannerParts({ text, release: "6.12.117-generic", version: "6.12.117" });

describe("bannerParts", () => {
  test("takes a banner apart", () => {
    expect(partsOf(line)).toEqual({
      builder: "b@h",
      compiler: "gcc 12.2.0",
      build: "#1 SMP 2026-01-01",
    });
  });

  test.each([line.replace(") (", ")!("), line.replace(") #", ")#"), line.replace(" (gcc", "gcc")])(
    "takes no part from the wrong place in %s",
    (text) => {
      expect(partsOf(text)).toBeUndefined();
    },
  );
});
