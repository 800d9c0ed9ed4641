import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";

let sandbox: Sandbox;
const kernel = smallKernel();

beforeEach(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  const files = {
    vmlinux: kernel,
    "initrd.img": "initrd",
    "modules/6.12.1/a.ko": "module",
    "modules/6.12.1/latest": { link: "a.ko" },
  };
  sandbox.writeCatalog([sandbox.bundle({ files })]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
});
afterEach(() => sandbox.dispose());

function exportTo(destination: string, ...flags: readonly string[]): Promise<ChildResult> {
  return sandbox.banger(["kernel", "export", "--json", "generic-6.12", destination, ...flags]);
}
const work = (path: string): string => join(sandbox.work, path);

describe("kernel export", () => {
  test("copies the whole tree, and says where to", async () => {
    const before = sandbox.snapshot();
    expect(documentOf(await exportTo("out"))).toMatchObject({ path: work("out") });
    const tree = join(sandbox.state, "kernels/generic-6.12/");
    expect(snapshotOf(work("out"))).toEqual(snapshotOf(tree));
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("fills an empty folder", async () => {
    mkdirSync(work("out"));
    documentOf(await exportTo("out"));
    expect(readFileSync(work("out/vmlinux"))).toEqual(Buffer.from(kernel));
  });

  test("with --vmlinux copies the image alone, to a file or into a folder", async () => {
    documentOf(await exportTo("image", "--vmlinux"));
    expect(readFileSync(work("image"))).toEqual(Buffer.from(kernel));
    mkdirSync(work("folder"));
    writeFileSync(work("folder/other"), "");
    const document = documentOf(await exportTo("folder", "--vmlinux"));
    expect(textAt(document, "path")).toBe(work("folder/vmlinux"));
    expect(readFileSync(work("folder/vmlinux"))).toEqual(Buffer.from(kernel));
  });

  test("prints the path alone without --json", async () => {
    const { stdout } = await sandbox.banger(["kernel", "export", "generic-6.12", "out"]);
    expect(stdout).toBe(`${work("out")}\n`);
  });

  test("copies an earlier build that is kept, by its version", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.2" })], { serial: 2 });
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
    const words = ["kernel", "export", "generic-6.12@6.12.1", "out", "--vmlinux"];
    requireExit(await sandbox.banger(words));
    expect(readFileSync(work("out"))).toEqual(Buffer.from(kernel));
  });

  test.each<[string, string, readonly string[], () => void]>([
    [
      "a folder that is not empty",
      "there",
      [],
      () => mkdirSync(work("there/x"), { recursive: true }),
    ],
    ["a file", "there", [], () => writeFileSync(work("there"), "mine")],
    ["a file with --vmlinux", "there", ["--vmlinux"], () => writeFileSync(work("there"), "mine")],
    ["a link that leads nowhere", "there", ["--vmlinux"], () => symlinkSync("x", work("there"))],
  ])("does not overwrite %s", async (_what, destination, flags, prepare) => {
    prepare();
    const before = snapshotOf(sandbox.work);
    const document = documentOf(await exportTo(destination, ...flags), 1);
    expect(document).toMatchObject({ error: { code: "refused" } });
    expect(snapshotOf(sandbox.work)).toEqual(before);
  });

  test("wants the folder above to be there, and leaves nothing behind", async () => {
    const document = documentOf(await exportTo("none/out"), 1);
    expect(textAt(document, "error.message")).toContain(`no folder ${work("none")}`);
    expect(existsSync(work("none"))).toBe(false);
  });

  test("wants a kernel that is installed, and a destination", async () => {
    requireExit(await sandbox.banger(["kernel", "export", "nope-1.0", "out"]), 3);
    requireExit(await sandbox.banger(["kernel", "export", "generic-6.12"]), 2);
    expect(snapshotOf(sandbox.work)).toEqual({});
  });
});
