import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { availableParallelism } from "node:os";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { straceInject } from "../support/strace.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

let sandbox: Sandbox;
let folder = "";

beforeEach(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  const files = {
    vmlinux: smallKernel(),
    "modules/6.12.1/a.ko": "module",
    "modules/6.12.1/latest": { link: "a.ko" },
  };
  const other = sandbox.bundle({ name: "other-1.0", version: "1.0.1" });
  sandbox.writeCatalog([sandbox.bundle({ files }), other]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12", "other-1.0"]));
  folder = join(sandbox.state, "kernels/generic-6.12");
});
afterEach(() => sandbox.dispose());

function verify(...names: readonly string[]): Promise<ChildResult> {
  return sandbox.banger(["kernel", "verify", "--json", ...names]);
}

/** What is said of a damaged kernel. */
async function hint(name: string): Promise<string> {
  return textAt(documentOf(await verify(name), 4), "error.hint");
}

/** The threads of a verify that opened something in the kernel's folder. */
async function readersOf(name: string): Promise<number> {
  const { result, calls } = await straceInject({
    file: sandbox.executable,
    args: ["kernel", "verify", name],
    env: sandbox.environment,
    syscalls: ["openat", "open"],
    rules: [],
  });
  requireExit(result);
  const opened = calls.filter(({ text }) => /kernels\/[^"]*\/modules\//.test(text));
  return new Set(opened.map(({ tid }) => tid)).size;
}

describe("kernel verify", () => {
  testUnless(
    straceObstacle(),
    "reads a large kernel on two cores, and a small one on one",
    async () => {
      const from = join(sandbox.work, "large");
      mkdirSync(join(from, "modules/6.12.1"), { recursive: true });
      writeFileSync(join(from, "vmlinux"), smallKernel());
      for (let index = 0; index < 24; index += 1) {
        writeFileSync(join(from, `modules/6.12.1/${index}.ko`), Buffer.alloc(4 << 20, index));
      }
      const words = "kernel import large-6.12 --distro large --arch x86_64 --from".split(" ");
      requireExit(await sandbox.banger([...words, from]));
      const cores = Math.min(2, availableParallelism());
      // On a busy machine the first thread may be through before the second begins.
      let readers = 0;
      for (let time = 0; time < 5 && readers < cores; time += 1) {
        readers = await readersOf("large-6.12");
      }
      expect(readers).toBe(cores);
      expect(await readersOf("generic-6.12")).toBe(1);
      writeFileSync(join(sandbox.state, "kernels/large-6.12/modules/6.12.1/7.ko"), "changed");
      expect(await hint("large-6.12")).toContain("import");
    },
    60_000,
    true,
  );

  test("says that all is well, with exit 0, for all kernels and for one", async () => {
    const before = sandbox.snapshot();
    expect(documentOf(await verify())).toMatchObject({
      kernels: [
        { name: "generic-6.12", ok: true, checked_files: 2, checked_bytes: 65_542 },
        { name: "other-1.0", ok: true },
      ],
    });
    const { stdout } = requireExit(await sandbox.banger(["kernel", "verify", "generic-6.12"]));
    expect(stdout).toContain("generic-6.12 (x86_64): ok, 2 files");
    expect(sandbox.snapshot()).toEqual(before);
  });

  test.each<[string, string, string, () => void]>([
    ["a file that is gone", "missing", "vmlinux", () => rmSync(join(folder, "vmlinux"))],
    [
      "a module that is gone",
      "missing",
      "modules/6.12.1/a.ko",
      () => rmSync(join(folder, "modules/6.12.1/a.ko")),
    ],
    [
      "a byte that was flipped, with size and time as before",
      "changed",
      "vmlinux",
      () => {
        const file = join(folder, "vmlinux");
        const { atime, mtime } = statSync(file);
        const bytes = readFileSync(file);
        bytes[9000] = (bytes[9000] ?? 0) ^ 1;
        writeFileSync(file, bytes);
        utimesSync(file, atime, mtime);
      },
    ],
    [
      "a file that grew",
      "changed",
      "modules/6.12.1/a.ko",
      () => writeFileSync(join(folder, "modules/6.12.1/a.ko"), "module and more"),
    ],
    [
      "a link that leads elsewhere",
      "changed",
      "modules/6.12.1/latest",
      () => {
        rmSync(join(folder, "modules/6.12.1/latest"));
        symlinkSync("b.ko", join(folder, "modules/6.12.1/latest"));
      },
    ],
    ["a file too many", "extra", "note", () => writeFileSync(join(folder, "note"), "")],
    [
      "a link too many",
      "extra",
      "modules/6.12.1/build",
      () => symlinkSync("/usr/src", join(folder, "modules/6.12.1/build")),
    ],
    [
      "a file in place of a link",
      "changed",
      "modules/6.12.1/latest",
      () => {
        rmSync(join(folder, "modules/6.12.1/latest"));
        writeFileSync(join(folder, "modules/6.12.1/latest"), "module");
      },
    ],
    [
      "a link in place of a file, though it leads to the same bytes",
      "changed",
      "vmlinux",
      () => {
        renameSync(join(folder, "vmlinux"), join(sandbox.work, "vmlinux"));
        symlinkSync(join(sandbox.work, "vmlinux"), join(folder, "vmlinux"));
      },
    ],
    [
      "a folder in place of a file",
      "changed",
      "vmlinux",
      () => {
        rmSync(join(folder, "vmlinux"));
        mkdirSync(join(folder, "vmlinux"));
      },
    ],
  ])("finds %s (%s), with exit 4", async (_what, problem, path, damage) => {
    damage();
    const before = sandbox.snapshot();
    const document = documentOf(await verify("generic-6.12"), 4);
    expect(valueAt(document, "kernels.0.findings")).toContainEqual({ path, problem });
    expect(textAt(document, "error.message")).toContain(`${path} (${problem})`);
    expect(valueAt(document, "error.code")).toBe("verification-failed");
    expect(sandbox.snapshot()).toEqual(before);
    expect(documentOf(await verify("other-1.0"))).toMatchObject({ kernels: [{ ok: true }] });
  });

  test("does not read a file that has another size than it should", async () => {
    truncateSync(join(folder, "vmlinux"), 2 ** 40);
    const document = documentOf(await verify("generic-6.12"), 4);
    expect(valueAt(document, "kernels.0.findings")).toEqual([
      { path: "vmlinux", problem: "changed" },
    ]);
  });

  test("names every finding, and goes on with the other kernels", async () => {
    rmSync(join(folder, "modules"), { recursive: true });
    writeFileSync(join(folder, "vmlinux"), "");
    const document = documentOf(await verify(), 4);
    expect(valueAt(document, "kernels.0.findings")).toEqual([
      { path: "modules/6.12.1/a.ko", problem: "missing" },
      { path: "vmlinux", problem: "changed" },
      { path: "modules/6.12.1/latest", problem: "missing" },
    ]);
    expect(valueAt(document, "kernels.1.ok")).toBe(true);
  });

  test("says how to mend a kernel of the catalog, an import, and an extra file", async () => {
    writeFileSync(join(folder, "note"), "");
    expect(await hint("generic-6.12")).toContain("remove the extra files");
    rmSync(join(folder, "vmlinux"));
    expect(await hint("generic-6.12")).toContain("banger kernel pull generic-6.12");
    writeFileSync(join(sandbox.work, "k"), smallKernel({ seed: 9 }));
    const words = ["kernel", "import", "mine-1.0", "--from", "k", "--distro", "mine"];
    requireExit(await sandbox.banger([...words, "--arch", "x86_64"]));
    rmSync(join(sandbox.state, "kernels/mine-1.0/vmlinux"));
    expect(await hint("mine-1.0")).toContain("banger kernel import mine-1.0");
  });

  test("verifies an earlier build that is kept, by its version", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.2" })], { serial: 2 });
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
    const document = documentOf(await verify("generic-6.12@6.12.1"));
    expect(document).toMatchObject({ kernels: [{ ok: true, checked_files: 2 }] });
  });

  test("of an empty store has nothing to verify, with exit 0", async () => {
    requireExit(await sandbox.banger(["kernel", "rm", "generic-6.12", "other-1.0"]));
    expect(documentOf(await verify())).toEqual({ kernels: [] });
  });

  test("of a kernel whose manifest was changed does not say that it is well", async () => {
    writeFileSync(join(folder, "manifest.json"), "{}");
    const document = documentOf(await verify("generic-6.12"), 4);
    expect(valueAt(document, "error.code")).toBe("verification-failed");
    expect((await verify()).exitCode).toBe(4);
  });
});
