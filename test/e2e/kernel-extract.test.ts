/** `kernel extract`: what comes out of wrapped kernels, with the real compressors. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { makeBzImage, makeEfiZboot, makeElf } from "../support/kernel-images.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

const compressors = [
  ["gzip", ["gzip", "-c"]],
  ["xz", ["xz", "--check=crc32", "-c"]],
  ["zstd", ["zstd", "-q", "-22", "--ultra", "-c"]],
  ["bzip2", ["bzip2", "-c"]],
  ["lz4", ["lz4", "-l", "-c"]],
  ["lzma", ["xz", "--format=lzma", "-c"]],
  ["lzo", ["lzop", "-c"]],
] as const;

const kernel = smallKernel();
const arm64 = smallKernel({ arch: "arm64" });

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.dispose());

function compressed(command: readonly string[], bytes: Uint8Array): Uint8Array {
  const { stdout, exitCode } = Bun.spawnSync([...command], { stdin: bytes });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed`);
  return new Uint8Array(stdout);
}

/** As the build of a kernel does: the size of what is within, behind all formats but gzip. */
function withSize(format: string, packed: Uint8Array, sizeBytes: number): Uint8Array {
  if (format === "gzip") return packed;
  const file = new Uint8Array(packed.length + 4);
  file.set(packed);
  new DataView(file.buffer).setUint32(packed.length, sizeBytes, true);
  return file;
}

async function extract(bytes: Uint8Array, ...args: readonly string[]): Promise<ChildResult> {
  writeFileSync(join(sandbox.work, "wrapped"), bytes);
  return sandbox.banger(["kernel", "extract", "wrapped", "-o", "vmlinux", ...args]);
}

const result = (): Buffer => readFileSync(join(sandbox.work, "vmlinux"));

describe.each(compressors)("%s", (format, command) => {
  test("is undone: of a bzImage, without the relocations that follow the kernel", async () => {
    const followed = new Uint8Array(kernel.length + 1000);
    followed.set(kernel);
    const payload = withSize(format, compressed(command, followed), followed.length);
    const document = documentOf(await extract(makeBzImage(payload), "--json"));
    expect(document).toEqual({
      file: join(sandbox.work, "vmlinux"),
      size_bytes: kernel.length,
      arch: "x86_64",
      wrappings: [`bzimage (${format})`],
    });
    expect(result().equals(kernel)).toBe(true);
    expect(readdirSync(sandbox.work).sort()).toEqual(["vmlinux", "wrapped"]);
  });

  test("is refused when a bzImage says that there is more, or less", async () => {
    const packed = compressed(command, kernel);
    for (const sizeBytes of [kernel.length + 1, kernel.length - 1]) {
      const payload = withSize(format, packed, sizeBytes);
      if (format === "gzip")
        new DataView(payload.buffer).setUint32(payload.length - 4, sizeBytes, true);
      const refused = requireExit(await extract(makeBzImage(payload)), 4);
      expect(refused.stderr).toContain("damaged");
      expect(readdirSync(sandbox.work)).toEqual(["wrapped"]);
    }
  });

  test("is undone: of a compressed file", async () => {
    documentOf(await extract(compressed(command, arm64), "--json"));
    expect(result().equals(arm64)).toBe(true);
  });

  test("is refused when it is damaged, and leaves nothing behind", async () => {
    const packed = compressed(command, kernel);
    const refused = await extract(packed.subarray(0, packed.length - 5000), "--json");
    expect(textAt(documentOf(refused, 4), "error.code")).toBe("wrong-image");
    expect(readdirSync(sandbox.work)).toEqual(["wrapped"]);
  });
});

describe("kernel extract", () => {
  test("gets an arm64 Image out of a vmlinuz.efi", async () => {
    const document = documentOf(await extract(makeEfiZboot(gzipSync(arm64)), "--json"));
    expect(document).toMatchObject({ arch: "arm64", wrappings: ["efi-zboot (gzip)"] });
    expect(result().equals(arm64)).toBe(true);
  });

  test("gets a kernel out of a bzImage in a gzip file", async () => {
    const file = gzipSync(makeBzImage(gzipSync(kernel)));
    const { stdout, stderr } = requireExit(await extract(file));
    expect(stdout.trim()).toBe(join(sandbox.work, "vmlinux"));
    expect(stderr).toContain("out of gzip, bzimage (gzip)");
    expect(result().equals(kernel)).toBe(true);
    requireExit(await sandbox.banger(["kernel", "check", "vmlinux"]), 7);
  });

  test("writes vmlinux into a folder, and never over a file", async () => {
    mkdirSync(join(sandbox.work, "folder"));
    writeFileSync(join(sandbox.work, "wrapped"), gzipSync(kernel));
    const words = ["kernel", "extract", "wrapped", "-o", "folder"];
    requireExit(await sandbox.banger(words));
    expect(existsSync(join(sandbox.work, "folder/vmlinux"))).toBe(true);
    const again = requireExit(await sandbox.banger(words), 1);
    expect(again.stderr).toContain("it exists already");
  });

  test.each<[string, Uint8Array, string]>([
    ["a kernel", kernel, "is a kernel already"],
    ["a program in gzip", gzipSync(readFileSync("/bin/ls")), "a program that runs on Linux"],
    ["a text", new TextEncoder().encode("no kernel\n"), "is a text file"],
    [
      "a bzImage without its payload",
      makeBzImage(new Uint8Array(1000)).subarray(0, 0x600),
      "cut short",
    ],
    ["a bzImage of another compression", makeBzImage(makeElf()), "banger cannot undo"],
    [
      "gzip in gzip in gzip",
      [1, 2, 3, 4, 5].reduce((inner) => gzipSync(inner), Buffer.from(kernel)),
      "gzip-compressed",
    ],
    ["what grows to a GiB", gzipSync(new Uint8Array(2 ** 30)), "holds more than"],
  ])("refuses %s", async (_what, bytes, words) => {
    const refused = requireExit(await extract(bytes), 4);
    expect(refused.stderr).toContain(words);
    expect(readdirSync(sandbox.work)).toEqual(["wrapped"]);
  });

  test("names the package of a program that is missing", async () => {
    const packed = compressed(["lzop", "-c"], kernel);
    writeFileSync(join(sandbox.work, "wrapped"), packed);
    const tools = join(sandbox.folder, "tools");
    mkdirSync(tools);
    for (const tool of ["setpriv", "prlimit"]) {
      Bun.spawnSync(["ln", "-s", `/usr/bin/${tool}`, tools]);
    }
    const words = ["kernel", "extract", "wrapped", "-o", "vmlinux"];
    const refused = requireExit(await sandbox.banger(words, { env: { PATH: tools } }), 1);
    expect(refused.stderr).toContain("hint: on Debian: apt-get install lzop");
  });
});
