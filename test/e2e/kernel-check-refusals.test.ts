/** `kernel check` of what is no kernel that Firecracker boots. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, copyFileSync, ftruncateSync, openSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { makeArm64Image, makeBzImage, makeElf } from "../support/kernel-images.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";

const kernels = ["generic-6.12:x86_64", "generic-6.12:arm64"] as const;
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors(resolve(import.meta.dirname, "../../bundles"));
  requireExit(await sandbox.banger(["kernel", "pull", ...kernels]));
});
afterAll(() => sandbox.dispose());

function sparse(name: string, head: Uint8Array): string {
  const file = sandbox.write(name, head);
  const descriptor = openSync(file, "r+");
  ftruncateSync(descriptor, 2 ** 32);
  closeSync(descriptor);
  return file;
}

const check = (...args: readonly string[]) => sandbox.banger(["kernel", "check", ...args]);

describe("kernel check exits 4, and says what it is:", () => {
  const cases: readonly (readonly [string, () => string, string])[] = [
    [
      "a kernel module",
      () => sandbox.write("a.ko", makeElf({ type: 1 })),
      "an object file or kernel module",
    ],
    ["a program", () => "/bin/ls", "a program that runs on Linux"],
    ["a device", () => "/dev/null", "a device or pipe"],
    ["a folder", () => sandbox.work, "a folder"],
    ["a bzImage", () => sandbox.write("vmlinuz", makeBzImage()), "a compressed bzImage"],
    ["an empty file", () => sandbox.write("empty", ""), "an empty file"],
    ["a text", () => sandbox.write("text", "404 Not Found\n"), "a text file"],
    [
      "an Image without Linux in it",
      () => sandbox.write("Image", makeArm64Image()),
      "no Linux kernel",
    ],
    ["an ELF file without Linux in it", () => sandbox.write("elf", makeElf()), "no Linux kernel"],
    ["4 GiB of nothing", () => sparse("nothing", new Uint8Array(0)), "no kernel image"],
    [
      "4 GiB behind a kernel's head",
      () => sparse("huge", smallKernel()),
      "no kernel is that large",
    ],
  ];
  test.each(cases)("%s", async (_what, make, words) => {
    const document = documentOf(await check(make(), "--json"), 4);
    expect(textAt(document, "error.message")).toContain(words);
  });

  test("a real kernel for the other architecture, when one is named", async () => {
    const document = documentOf(await check("generic-6.12:arm64", "--json"));
    const file = textAt(document, "kernels.0.file");
    const refused = requireExit(await check(file, "--arch", "x86_64"), 4);
    expect(refused.stderr).toContain("is an arm64 Image, not an uncompressed x86_64 vmlinux");
  });

  test("a real kernel that is cut by one byte, or to a head", async () => {
    const { stdout } = await sandbox.banger(["kernel", "path", "generic-6.12:x86_64", "vmlinux"]);
    const file = join(sandbox.work, "cut-vmlinux");
    copyFileSync(stdout.trim(), file);
    const { size } = statSync(file);
    for (const left of [size - 1, size / 2, 65_536, 4096, 100, 63]) {
      const descriptor = openSync(file, "r+");
      ftruncateSync(descriptor, Math.floor(left));
      closeSync(descriptor);
      expect(requireExit(await check(file), 4).stderr).toContain("is cut short");
    }
  });
});
