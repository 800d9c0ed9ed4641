/** Kernels in files, by the operations that people call: what is wrapped comes out, or nothing does. */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { BangerError } from "../../../src/core/errors.ts";
import { parseKconfig } from "../../../src/core/kconfig.ts";
import { extractKernel } from "../../../src/ops/extract-kernel.ts";
import { inspectKernel } from "../../../src/ops/inspect-kernel.ts";
import { testContext } from "../../support/context.ts";
import { makeBzImage, makeEfiZboot } from "../../support/kernel-images.ts";
import { smallKernel } from "../../support/small-kernel.ts";
import { concat } from "../../support/tar-builder.ts";
import type { FuzzTarget } from "../target.ts";

const config = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="text"\n';
const kernel = (arch: "x86_64" | "arm64"): Uint8Array =>
  smallKernel({ arch, sizeBytes: 8192, config });

function packed(program: string, ...args: readonly string[]): Uint8Array {
  return new Uint8Array(spawnSync(program, [...args, "-c"], { input: kernel("x86_64") }).stdout);
}

/** With the size of what is within behind it, as a kernel's build puts it there. */
function withSize(bytes: Uint8Array): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, 8192, true);
  return concat(bytes, size);
}

const extracted: FuzzTarget = {
  name: "kernel-extract",
  codes: ["wrong-image"],
  testRuns: 25,
  maxBytes: 2 ** 16,
  start: (scratch) => {
    const context = testContext();
    const [source, target] = [join(scratch, "vmlinuz"), join(scratch, "vmlinux")];
    const zstd = new Uint8Array(zstdCompressSync(kernel("x86_64")));
    const gzip = new Uint8Array(gzipSync(kernel("arm64")));
    return {
      corpus: [
        gzip,
        zstd,
        makeEfiZboot(gzip),
        makeBzImage(withSize(zstd)),
        makeBzImage(new Uint8Array(gzipSync(kernel("x86_64")))),
        packed("xz", "-0"),
        packed("lz4", "-q"),
      ],
      words: ["HdrS", "zimg", "\x1f\x8b\x08"],
      run: async (input): Promise<"accepted"> => {
        writeFileSync(source, input);
        rmSync(target, { force: true });
        try {
          const { sizeBytes } = await extractKernel(context, source, target);
          assert.equal(readFileSync(target).length, sizeBytes);
          return "accepted";
        } catch (error) {
          if (error instanceof BangerError)
            assert.equal(existsSync(target), false, "a rest is left");
          throw error;
        }
      },
    };
  },
};

const inspected: FuzzTarget = {
  name: "kernel-inspect",
  codes: ["wrong-image"],
  maxBytes: 2 ** 18,
  start: (scratch) => {
    const context = testContext();
    const file = join(scratch, "vmlinux");
    const symbols = parseKconfig(config, "it");
    return {
      corpus: [kernel("x86_64"), kernel("arm64")],
      words: ["IKCFG_ST", "IKCFG_ED", "Linux version ", " (", "\x1f\x8b\x08"],
      run: (input) => {
        writeFileSync(file, input);
        const facts = inspectKernel(context, {
          file,
          arch: undefined,
          installed: undefined,
          hasModules: false,
        });
        assert.ok(facts.sizeBytes === input.length && Number.isFinite(facts.memoryBytes));
        // gzip has a checksum: what is found is what was put in.
        if (facts.config !== undefined) assert.deepEqual(facts.config.symbols, symbols);
        return "accepted";
      },
    };
  },
};

export const kernelFileTargets: readonly FuzzTarget[] = [extracted, inspected];
