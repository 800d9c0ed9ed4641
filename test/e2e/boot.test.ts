/** The kernels of bundles/, pulled by the executable as it is shipped, boot. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CatalogEntry } from "../../src/core/catalog.ts";
import { parseProvenance } from "../../src/core/provenance.ts";
import { loadCatalog } from "../../src/io/catalog-file.ts";
import { sha256Of } from "../../src/io/hash.ts";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import {
  bootKernel,
  bootKernelFile,
  bootLimitMs,
  bootObstacle,
  makeRootFileSystem,
} from "../support/kernel-boot.ts";
import { testUnless } from "../support/obstacles.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");
const { entries } = loadCatalog(join(repository, "catalog/catalog.json"));
const referenceOf = ({ name, arch }: CatalogEntry): string => `${name}:${arch}`;

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors(join(repository, "bundles"));
  // No BANGER_CATALOG: the catalog within the executable counts.
  for (const entry of entries) {
    requireExit(await sandbox.banger(["kernel", "pull", referenceOf(entry)]));
  }
});
afterAll(() => sandbox.dispose());

async function folderOf(entry: CatalogEntry): Promise<string> {
  const { stdout } = await sandbox.banger(["kernel", "path", referenceOf(entry)]);
  return stdout.trim();
}

/** Whether the configuration in the bundle says so; a bundle need not hold one. */
function isSet(folder: string, symbol: string): boolean {
  const file = join(folder, "kernel.config");
  return existsSync(file) && readFileSync(file, "utf8").split("\n").includes(`CONFIG_${symbol}=y`);
}

describe("the proof that a kernel boots", () => {
  testUnless(
    bootObstacle("x86_64"),
    "is not given by what is none",
    async () => {
      const kernel = join(sandbox.work, "vmlinux");
      writeFileSync(kernel, smallKernel());
      const proof = bootKernelFile("x86_64", kernel);
      expect(await proof.catch(String)).toStartWith(`Error: ${kernel} does not boot: `);
    },
    bootLimitMs,
  );
});

describe("every kernel of the catalog", () => {
  test("there is at least one for each that quickstart may run on", () => {
    expect(entries.map(referenceOf)).toContain("generic-6.12:x86_64");
  });

  for (const entry of entries) {
    const { arch, kernel_version: release } = entry;
    const reference = referenceOf(entry);
    test(`is byte for byte what catalog and provenance say: ${reference}`, async () => {
      requireExit(await sandbox.banger(["kernel", "verify", reference]));
      const folder = await folderOf(entry);
      const facts = parseProvenance(
        readFileSync(join(folder, "provenance.json"), "utf8"),
        reference,
      );
      const vmlinux = sha256Of(readFileSync(join(folder, "vmlinux")));
      expect<string | undefined>(vmlinux).toBe(entry.vmlinux_sha256);
      expect(facts.outputs["vmlinux"]).toBe(vmlinux);
      expect(facts).toMatchObject({ arch, kernelVersion: release });
    });

    testUnless(
      bootObstacle(arch),
      `boots to init, with the files and arguments of image config: ${reference}`,
      async () => {
        const nonce = randomUUID();
        const rootfs = makeRootFileSystem(arch, sandbox.work, nonce);
        const image = `boot-${entry.name}-${arch}`.replaceAll(/[._]/g, "-");
        const words = ["image", "register", "--name", image, "--rootfs", rootfs, "--read-only"];
        requireExit(await sandbox.banger([...words, "--kernel-ref", reference]));
        const config = documentOf(await sandbox.banger(["image", "config", image]));
        const folder = await folderOf(entry);
        const report = await bootKernel({
          arch,
          kernel: textAt(config, "boot-source.kernel_image_path"),
          rootFileSystem: textAt(config, "drives.0.path_on_host"),
          bootArgs: textAt(config, "boot-source.boot_args"),
          memoryMib: Number(valueAt(config, "machine-config.mem_size_mib")),
        });
        expect(report).toEqual({
          nonce,
          release,
          machine: arch === "arm64" ? "aarch64" : arch,
          hasConfig: isSet(folder, "IKCONFIG_PROC"),
          hasBtf: isSet(folder, "DEBUG_INFO_BTF"),
          root: expect.stringMatching(/^\/dev\/root \/ ext4 ro/),
        });
      },
      bootLimitMs + 60_000,
    );
  }
});
