/** Kernels that are cut, damaged or made to do harm: nothing but wrong-image comes of them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { fileOfUrl } from "../../src/core/catalog.ts";
import { BangerError } from "../../src/core/errors.ts";
import { identifyImage, imageHeadBytes } from "../../src/core/kernel-image.ts";
import { loadCatalog } from "../../src/io/catalog-file.ts";
import { inspectKernel } from "../../src/ops/inspect-kernel.ts";
import { outcomeOf, testContext } from "../support/context.ts";
import { loadSegment, makeElf } from "../support/kernel-images.ts";
import { smallKernel } from "../support/small-kernel.ts";

const repository = resolve(import.meta.dirname, "../..");
let folder = "";
beforeAll(() => {
  // In memory: on a disk 20,000 cuts take a minute.
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  folder = mkdtempSync(join(parent, "banger-inspect-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const target = (file: string) => ({
  file,
  arch: undefined,
  installed: undefined,
  hasModules: false,
});
const outcome = (file: string) => outcomeOf(() => inspectKernel(testContext(), target(file)));

/** The kernel of a committed bundle. */
async function realKernel(arch: string): Promise<Uint8Array> {
  const { entries } = loadCatalog(join(repository, "catalog/catalog.json"));
  const entry = entries.find((one) => one.name === "generic-6.12" && one.arch === arch);
  if (entry === undefined) throw new Error(`the catalog has no generic-6.12 for ${arch}`);
  const tarball = join(repository, "bundles", fileOfUrl(entry.tarball_url));
  const { stdout } = Bun.spawnSync(["tar", "--zstd", "-xOf", tarball, "vmlinux"]);
  return new Uint8Array(stdout);
}

describe("a real kernel", () => {
  for (const arch of ["x86_64", "arm64"]) {
    test(`for ${arch}, cut beside every edge and at 10,000 places, is refused each time`, async () => {
      const kernel = await realKernel(arch);
      const file = join(folder, `cut-${arch}`);
      writeFileSync(file, kernel);
      expect(await outcome(file)).toBe("done");
      const places = [...edges(kernel), ...somePlaces(kernel.length, 10_000)];
      // From the longest on, so that one file will do.
      for (const at of places.toSorted((a, b) => b - a)) {
        truncateSync(file, at);
        const said = await outcome(file);
        if (!said.startsWith("wrong-image: ")) throw new Error(`cut at ${at}: ${said}`);
      }
    }, 120_000);
  }
});

/** The ends of headers and segments, and the bytes beside them. */
function edges(kernel: Uint8Array): number[] {
  const image = identifyImage(kernel.subarray(0, imageHeadBytes), kernel.length);
  const ends =
    image.kind === "elf"
      ? [...image.loads, ...image.notes].flatMap(({ offset, fileBytes }) => [
          offset,
          offset + fileBytes,
        ])
      : [];
  const known = [1, 4, 16, 20, 52, 64, 0x200, 0x1000, imageHeadBytes, kernel.length, ...ends];
  return known.flatMap((end) => [end - 1, end, end + 1]).filter((end) => end < kernel.length);
}

function somePlaces(sizeBytes: number, count: number): number[] {
  return fc.sample(fc.nat(sizeBytes - 1), { numRuns: count, seed: 1 });
}

describe("a small kernel", () => {
  test("with any bytes changed is told or refused", () => {
    const kernels = [smallKernel({ config: "CONFIG_A=y\n" }), smallKernel({ arch: "arm64" })];
    const change = fc.record({
      at: fc.oneof(fc.nat(0x100), fc.nat(0x1800)),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    });
    const file = join(folder, "changed");
    fc.assert(
      fc.property(
        fc.constantFrom(...kernels),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (kernel, changes) => {
          const changed = Uint8Array.from(kernel);
          for (const { at, bytes } of changes) changed.set(bytes, at);
          writeFileSync(file, changed);
          try {
            expect(inspectKernel(testContext(), target(file)).sizeBytes).toBe(kernel.length);
          } catch (error) {
            if (!(error instanceof BangerError)) throw error;
            expect(error.code).toBe("wrong-image");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("with notes that claim to fill the file has no PVH entry, and takes no memory for them", () => {
    const notes = { type: 4, offset: 0x1000, size: 0x2000 };
    const file = join(folder, "notes");
    const image = makeElf({ segments: [{ type: 1, offset: 0x1000, size: 0x1000 }, notes] });
    image.set(new TextEncoder().encode("Linux version 6.12.1 (b@h) (cc) #1\n"), 0x1000);
    writeFileSync(file, image);
    expect(inspectKernel(testContext(), target(file))).toMatchObject({ protocol: "linux64" });
  });

  test("whose PVH entry is where nothing is loaded is refused", async () => {
    const notes = { type: 4, offset: 0x2000, size: 24, address: 0x200_0000 };
    for (const [entry, words] of [
      [0x100_0010, "done"],
      [0, "0x0, where nothing is loaded"],
      [0x100_1000, "0x1001000, where nothing is loaded"],
      [2 ** 33, "0x200000000, where nothing is loaded"],
    ] as const) {
      const image = makeElf({ segments: [loadSegment, notes] });
      image.set(new TextEncoder().encode("Linux version 6.12.1 (b@h) (cc) #1\n"), 0x1000);
      const view = new DataView(image.buffer, 0x2000);
      view.setUint32(0, 4, true);
      view.setUint32(4, 8, true);
      view.setUint32(8, 18, true);
      image.set(new TextEncoder().encode("Xen\0"), 0x200c);
      view.setBigUint64(16, BigInt(entry), true);
      const file = join(folder, "pvh");
      writeFileSync(file, image);
      expect(await outcome(file)).toContain(words);
    }
  });

  test("believes no configuration that is not loaded with it", () => {
    const config = Bun.gzipSync(
      Buffer.from(`# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_A=y\n`),
    );
    const part = Buffer.concat([Buffer.from("IKCFG_ST"), config, Buffer.from("IKCFG_ED")]);
    const kernel = Buffer.concat([smallKernel({ version: "6.12.1" }), part]);
    const file = join(folder, "appended");
    writeFileSync(file, kernel);
    expect(inspectKernel(testContext(), target(file)).config).toBeUndefined();
    loadToTheEnd(kernel);
    writeFileSync(file, kernel);
    expect(inspectKernel(testContext(), target(file)).config).toMatchObject({ from: "embedded" });
  });

  test("full of marks and of configurations that are bombs takes little time and memory", () => {
    const bomb = Bun.gzipSync(new Uint8Array(64 * 2 ** 20));
    const part = Buffer.concat([Buffer.from("IKCFG_ST"), bomb, Buffer.from("IKCFG_ED")]);
    const file = join(folder, "bombs");
    const kernel = Buffer.concat([smallKernel(), ...Array.from({ length: 20 }, () => part)]);
    loadToTheEnd(kernel);
    writeFileSync(file, kernel);
    expect(inspectKernel(testContext(), target(file)).config).toBeUndefined();
  });
});

/** Makes the first segment of an ELF file reach to its end. */
function loadToTheEnd(kernel: Buffer): void {
  const size = BigInt(kernel.length) - kernel.readBigUInt64LE(64 + 8);
  kernel.writeBigUInt64LE(size, 64 + 32);
  kernel.writeBigUInt64LE(size, 64 + 40);
}
