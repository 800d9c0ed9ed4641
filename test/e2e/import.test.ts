import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { makeBzImage, makeElf } from "../support/kernel-images.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

const bundles = join(import.meta.dir, "../../bundles");
const realKernel = join(import.meta.dir, "../../../shared/kernels/generic-6.12/vmlinux");

let sandbox: Sandbox;
let installed = "";

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.writeCatalog([]);
  installed = join(sandbox.state, "kernels/mine-6.12");
});
afterEach(() => sandbox.dispose());

/** Writes a file below the working folder. */
function write(path: string, contents: string | Uint8Array): void {
  const file = join(sandbox.work, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
}

function importFrom(from: string, ...args: readonly string[]): Promise<ChildResult> {
  const arch = args.includes("--arch") ? [] : ["--arch", "x86_64"];
  const words = ["kernel", "import", "mine-6.12", "--distro", "mine", "--from", from, "--json"];
  return sandbox.banger([...words, ...arch, ...args]);
}

describe("kernel import", () => {
  test("installs a bare vmlinux, with the version of its banner", async () => {
    const image = smallKernel({ version: "6.12.34-custom" });
    write("some-file", image);
    const document = documentOf(await importFrom("some-file"));
    expect(document).toMatchObject({
      outcome: "installed",
      kernel_version: "6.12.34",
      source: "import",
      distro: "mine",
      path: installed,
    });
    expect(readFileSync(join(installed, "vmlinux"))).toEqual(Buffer.from(image));
    requireExit(await sandbox.banger(["kernel", "verify", "mine-6.12"]));
  });

  test("installs an arm64 Image, under the name vmlinux", async () => {
    const image = smallKernel({ arch: "arm64" });
    write("Image", image);
    const document = documentOf(await importFrom("Image", "--arch", "aarch64"));
    expect(document).toMatchObject({ arch: "arm64", path: `${installed}_arm64` });
    expect(readFileSync(join(`${installed}_arm64`, "vmlinux"))).toEqual(Buffer.from(image));
  });

  test("installs a folder with the layout of a bundle, without links to where it was built", async () => {
    write("tree/vmlinux", smallKernel());
    write("tree/initrd.img", "initrd");
    write("tree/modules/6.12.1/kernel/a.ko", "a");
    symlinkSync("kernel/a.ko", join(sandbox.work, "tree/modules/6.12.1/latest"));
    symlinkSync("/usr/src/linux", join(sandbox.work, "tree/modules/6.12.1/build"));
    symlinkSync("../../nowhere", join(sandbox.work, "tree/modules/6.12.1/source"));
    const result = await importFrom("tree");
    documentOf(result);
    expect(result.stderr).toContain("left out modules/6.12.1/build, modules/6.12.1/source");
    expect(readdirSync(join(installed, "modules/6.12.1")).sort()).toEqual(["kernel", "latest"]);
    for (const part of ["vmlinux", "initrd", "modules"]) {
      const { stdout } = requireExit(await sandbox.banger(["kernel", "path", "mine-6.12", part]));
      expect(existsSync(stdout.trim())).toBe(true);
    }
    requireExit(await sandbox.banger(["kernel", "verify"]));
  });

  test("takes what kernel export wrote", async () => {
    write("tree/vmlinux", smallKernel());
    write("tree/modules/6.12.1/a.ko", "a");
    documentOf(await importFrom("tree"));
    requireExit(await sandbox.banger(["kernel", "export", "mine-6.12", "out"]));
    expect(documentOf(await importFrom("out"))).toMatchObject({ outcome: "current" });
  });

  test("reads through a link to an image or a folder, and does not keep the link", async () => {
    write("tree/vmlinux", smallKernel());
    symlinkSync("tree", join(sandbox.work, "to-tree"));
    symlinkSync("tree/vmlinux", join(sandbox.work, "to-image"));
    documentOf(await importFrom("to-image"));
    expect(documentOf(await importFrom("to-tree"))).toMatchObject({ outcome: "current" });
  });

  test("believes --kernel-version rather than the banner", async () => {
    write("k", smallKernel());
    const document = documentOf(await importFrom("k", "--kernel-version", "6.12.99-mine"));
    expect(document).toMatchObject({ kernel_version: "6.12.99-mine" });
  });

  test("does nothing when the very same files were imported before", async () => {
    write("k", smallKernel());
    documentOf(await importFrom("k"));
    const before = sandbox.snapshot();
    expect(documentOf(await importFrom("k"))).toMatchObject({ outcome: "current" });
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("replaces an older import of that name and keeps it for rollback", async () => {
    write("k", smallKernel());
    documentOf(await importFrom("k"));
    write("k", smallKernel({ version: "6.12.2" }));
    expect(documentOf(await importFrom("k"))).toMatchObject({ outcome: "updated" });
    const back = await sandbox.banger(["kernel", "rollback", "mine-6.12", "--json"]);
    expect(documentOf(back)).toMatchObject({ kernel_version: "6.12.1", before: "6.12.2" });
  });

  test("does not replace a kernel of the catalog, unless forced", async () => {
    sandbox.writeCatalog([sandbox.bundle({ name: "mine-6.12" })]);
    sandbox.useMirrors();
    requireExit(await sandbox.banger(["kernel", "pull", "mine-6.12"]));
    write("k", smallKernel({ version: "6.12.77" }));
    const before = sandbox.snapshot();
    const refused = documentOf(await importFrom("k"), 1);
    expect(valueAt(refused, "error.code")).toBe("refused");
    expect(textAt(refused, "error.hint")).toContain("--force");
    expect(sandbox.snapshot()).toEqual(before);
    expect(documentOf(await importFrom("k", "--force"))).toMatchObject({ outcome: "updated" });
  });

  test("takes a real kernel", async () => {
    let from = realKernel;
    if (!existsSync(from)) {
      // The same bytes, out of the bundle: test/e2e/boot.test.ts holds them to the published hash.
      const env = { BANGER_CATALOG: undefined, BANGER_MIRRORS: bundles };
      requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12:x86_64"], { env }));
      from = join(sandbox.state, "kernels/generic-6.12/vmlinux");
    }
    expect(documentOf(await importFrom(from))).toMatchObject({ kernel_version: "6.12.117" });
  });
});

describe("kernel import refuses, says what it is, and leaves the store alone:", () => {
  const noBanner = smallKernel();
  noBanner.fill(0, 0x1000, 0x1100);
  const cases: readonly (readonly [string, Uint8Array | string, string, RegExp])[] = [
    [
      "an image for the other architecture",
      smallKernel({ arch: "arm64" }),
      "an arm64 Image",
      /vmlinux/,
    ],
    ["a bzImage", makeBzImage(), "a compressed bzImage", /kernel extract/],
    ["a gzip file", gzipSync(smallKernel()), "gzip-compressed", /kernel extract/],
    ["an empty file", "", "an empty file", /did not finish/],
    ["a text file", "<!doctype html>\n<p>404", "an HTML page", /servers send/],
    ["a kernel module", makeElf({ type: 1 }), "an object file or kernel module", /build folder/],
    ["a kernel that is cut short", smallKernel().subarray(0, 30_000), "cut short", /again/],
    ["an ELF file that is no Linux", noBanner, "no Linux kernel", /./],
  ];
  test.each(cases)("%s", async (_what, contents, message, hint) => {
    write("good", smallKernel());
    documentOf(await importFrom("good"));
    const before = sandbox.snapshot();
    write("bad", contents);
    const document = documentOf(await importFrom("bad"), 4);
    expect(document).toMatchObject({ error: { code: "wrong-image" } });
    expect(textAt(document, "error.message")).toContain(message);
    if (message !== "no Linux kernel") expect(textAt(document, "error.hint")).toMatch(hint);
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("an x86_64 kernel that is called an arm64 one", async () => {
    write("k", smallKernel());
    const document = documentOf(await importFrom("k", "--arch", "arm64"), 4);
    expect(textAt(document, "error.message")).toContain("an ELF file for x86_64");
  });

  test("a folder without vmlinux", async () => {
    write("tree/modules/6.12.1/a.ko", "a");
    const document = documentOf(await importFrom("tree"), 4);
    expect(textAt(document, "error.message")).toBe("tree has no vmlinux");
    expect(textAt(document, "error.hint")).toContain("--from /path/to/vmlinux");
  });

  test.each<[string, string, string]>([
    ["a file that bundles do not have", "tree/README", "README"],
    ["a vmlinux in a folder below", "tree/boot/vmlinux", "boot"],
  ])("a folder with %s", async (_what, path, name) => {
    write("tree/vmlinux", smallKernel());
    write(path, "x");
    const document = documentOf(await importFrom("tree"), 4);
    expect(document).toMatchObject({ error: { code: "unsafe-archive" } });
    expect(textAt(document, "error.message")).toContain(`"${name}"`);
  });

  test("a folder with a link that leads out of it", async () => {
    write("tree/vmlinux", smallKernel());
    mkdirSync(join(sandbox.work, "tree/modules/6.12.1"), { recursive: true });
    symlinkSync("/etc/passwd", join(sandbox.work, "tree/modules/6.12.1/a.ko"));
    expect(documentOf(await importFrom("tree"), 4)).toMatchObject({
      error: { code: "unsafe-archive" },
    });
  });

  test.each<[string, number, readonly string[]]>([
    ["a path that does not exist", 1, ["none"]],
    ["a device", 4, ["/dev/null"]],
    ["a version that is none", 2, ["k", "--kernel-version", "latest"]],
    ["an architecture that is none", 2, ["k", "--arch", "riscv64"]],
  ])("%s, with exit %d", async (_what, exitCode, [from = "", ...args]) => {
    write("k", smallKernel());
    documentOf(await importFrom(from, ...args), exitCode);
    expect(existsSync(installed)).toBe(false);
  });
});
