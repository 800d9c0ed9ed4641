/** The kernels of bundles/, pulled by the executable as it is shipped, boot and prove themselves. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CatalogEntry } from "../../src/core/catalog.ts";
import { parseProvenance } from "../../src/core/provenance.ts";
import { loadCatalog } from "../../src/io/catalog-file.ts";
import { sha256Of } from "../../src/io/hash.ts";
import { documentOf, requireExit, valueAt } from "../support/answers.ts";
import { bootLimitMs, probesOf } from "../support/boots.ts";
import { Sandbox } from "../support/sandbox.ts";

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

test("there is at least one kernel for each machine that quickstart may run on", () => {
  expect(entries.map(referenceOf)).toContain("generic-6.12:x86_64");
});

for (const entry of entries) {
  const { arch, kernel_version: version } = entry;
  const reference = referenceOf(entry);
  describe(`${reference}, of the catalog`, () => {
    test("is byte for byte what catalog and provenance say", async () => {
      requireExit(await sandbox.banger(["kernel", "verify", reference]));
      const { stdout } = await sandbox.banger(["kernel", "path", reference]);
      const folder = stdout.trim();
      const text = readFileSync(join(folder, "provenance.json"), "utf8");
      const facts = parseProvenance(text, reference);
      const vmlinux = sha256Of(readFileSync(join(folder, "vmlinux")));
      expect<string | undefined>(vmlinux).toBe(entry.vmlinux_sha256);
      expect(facts.outputs["vmlinux"]).toBe(vmlinux);
      expect(facts).toMatchObject({ arch, kernelVersion: version });
    });

    test(
      "boots from a disk and from an initramfs, and everything works in it",
      async () => {
        for (const root of ["disk", "initramfs"]) {
          const words = ["kernel", "boot", reference, "--root", root, "--timeout", "240", "--json"];
          const document = documentOf(await sandbox.banger(words, { timeoutMs: bootLimitMs }));
          expect(document).toMatchObject({
            proven: true,
            root,
            sha256: entry.vmlinux_sha256,
            vmm: { name: "qemu" },
            cause: null,
          });
          expect(new Set(probesOf(document).values())).toEqual(new Set(["pass"]));
        }
      },
      2 * bootLimitMs,
    );

    test(
      "boots an image to its init, with its files and arguments, and writes nothing to it",
      async () => {
        const rootfs = join(sandbox.work, `${arch}.ext4`);
        copyFileSync(join(repository, "guest", `${arch}.ext4`), rootfs);
        const before = sha256Of(readFileSync(rootfs));
        const image = `boot-${entry.name}-${arch}`.replaceAll(/[._]/g, "-");
        const words = ["image", "register", "--name", image, "--rootfs", rootfs];
        requireExit(await sandbox.banger([...words, "--kernel-ref", reference]));
        const boot = ["image", "boot", image, "--timeout", "240", "--json"];
        const document = documentOf(await sandbox.banger(boot, { timeoutMs: bootLimitMs }));
        // On arm64 the image's own arguments name Firecracker's console, which QEMU's machine lacks.
        expect(document).toMatchObject({ booted: true, init: "/sbin/init", cause: null });
        expect(valueAt(document, "console")).toEqual([]);
        expect(sha256Of(readFileSync(rootfs))).toBe(before);
      },
      bootLimitMs,
    );
  });
}
