import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { type ChildResult, type RunOptions, Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
let kernels = "";

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  kernels = join(sandbox.folder, "kernels");
  sandbox.setEnv("BANGER_KERNELS_DIR", kernels);
  // An ext4 superblock is all that `image register` looks for.
  const rootfs = new Uint8Array(65_536);
  rootfs.set([0x53, 0xef], 1024 + 0x38);
  rootfs[1024 + 0x60] = 0x40;
  writeFileSync(join(sandbox.work, "rootfs"), rootfs);
});
afterEach(() => sandbox.dispose());

function run(args: readonly string[], options: RunOptions = {}): Promise<ChildResult> {
  return sandbox.banger([...args, "--json"], options);
}

/** Pulls one build after the other under one name; serials grow. */
async function pullBuilds(...versions: readonly string[]): Promise<void> {
  for (const version of versions) {
    const serial = Number(version.split(".")[2]);
    sandbox.writeCatalog([sandbox.bundle({ version })], { serial });
    documentOf(await run(["kernel", "pull", "generic-6.12"]));
  }
}

async function register(name: string, options: RunOptions, ...flags: string[]): Promise<void> {
  const words = ["image", "register", "--name", name, "--rootfs", "rootfs", ...flags];
  documentOf(await run([...words, "--kernel-ref", "generic-6.12"], options));
}

/** Runs a command on a terminal, where somebody types an answer. */
function answerTo(args: readonly string[], stdin: string): Promise<ChildResult> {
  return sandbox.bangerOnTerminal(args, { stdin, timeoutMs: 20_000 });
}

/** The environment of somebody else's state folder. */
const other = (): RunOptions => ({ env: { BANGER_STATE_DIR: join(sandbox.folder, "other") } });

const trees = (): string[] => readdirSync(join(kernels, ".store"));

describe("kernel rm", () => {
  test("removes a kernel with its earlier builds, at once", async () => {
    await pullBuilds("6.12.1", "6.12.2", "6.12.3");
    expect(documentOf(await run(["kernel", "rm", "generic-6.12"]))).toEqual({
      removed: [{ name: "generic-6.12", arch: "x86_64", images: [], error: null }],
    });
    expect(trees()).toEqual([]);
    expect(readdirSync(join(kernels, ".previous"))).toEqual([]);
    expect(existsSync(join(kernels, "generic-6.12"))).toBe(false);
    expect(requireExit(await sandbox.banger(["kernel", "list"])).stdout).toBe("");
  });

  test("removes the kernel of the named architecture only", async () => {
    sandbox.writeCatalog([sandbox.bundle(), sandbox.bundle({ arch: "arm64" })]);
    documentOf(await run(["kernel", "pull", "generic-6.12", "generic-6.12:arm64"]));
    documentOf(await run(["kernel", "rm", "generic-6.12"]));
    expect(existsSync(join(kernels, "generic-6.12_arm64/vmlinux"))).toBe(true);
    documentOf(await run(["kernel", "rm", "generic-6.12", "--arch", "arm64"]));
    expect(trees()).toEqual([]);
  });

  test("refuses while images need the kernel, names them, and changes nothing", async () => {
    await pullBuilds("6.12.1");
    await register("web", {});
    await register("db", {}, "--pin");
    const before = sandbox.snapshot();
    const document = documentOf(await run(["kernel", "rm", "generic-6.12"]), 1);
    expect(textAt(document, "error.message")).toContain("needed by the images db, web");
    expect(textAt(document, "error.hint")).toContain("banger image rm db web");
    expect(sandbox.snapshot()).toEqual(before);
    expect(existsSync(join(kernels, "generic-6.12/vmlinux"))).toBe(true);
  });

  test("with --force removes it all the same, but not the build that an image is pinned to", async () => {
    await pullBuilds("6.12.1");
    await register("web", {});
    await register("db", {}, "--pin");
    const document = documentOf(await run(["kernel", "rm", "--force", "generic-6.12"]));
    expect(valueAt(document, "removed.0.images")).toEqual(["db", "web"]);
    documentOf(await run(["kernel", "gc"]));
    const config = documentOf(await run(["image", "config", "db"]));
    expect(existsSync(textAt(config, "boot-source.kernel_image_path"))).toBe(true);
    expect(valueAt(documentOf(await run(["image", "config", "web"]), 3), "error.hint")).toBe(
      "to install it: banger kernel pull generic-6.12:x86_64",
    );
  });

  test("removes a kernel whose manifest is gone", async () => {
    await pullBuilds("6.12.1");
    rmSync(join(kernels, "generic-6.12/manifest.json"));
    documentOf(await run(["kernel", "rm", "generic-6.12"]));
    expect(trees()).toEqual([]);
  });

  test("does not count an image whose registration was cut short, also through a linked folder", async () => {
    const real = join(sandbox.folder, "real");
    mkdirSync(real);
    symlinkSync(real, join(sandbox.folder, "link"));
    for (const folder of ["real", "link"]) {
      const options = { env: { BANGER_STATE_DIR: join(sandbox.folder, folder) } };
      await pullBuilds("6.12.1");
      await register("web", options);
      rmSync(join(real, "images/web.json"));
      documentOf(await run(["kernel", "rm", "generic-6.12"], options));
    }
  });

  test("of several names does each, and says which there were not", async () => {
    await pullBuilds("6.12.1");
    const document = documentOf(await run(["kernel", "rm", "nope-1.0", "generic-6.12"]), 3);
    expect(document).toMatchObject({
      removed: [{ name: "nope-1.0", error: { code: "not-found" } }, { name: "generic-6.12" }],
      error: { code: "not-found" },
    });
    expect(trees()).toEqual([]);
  });

  test("does not take all builds away when one is named", async () => {
    await pullBuilds("6.12.1", "6.12.2");
    const before = sandbox.snapshot();
    documentOf(await run(["kernel", "rm", "generic-6.12@6.12.1"]), 2);
    expect(sandbox.snapshot()).toEqual(before);
    expect(existsSync(join(kernels, "generic-6.12/vmlinux"))).toBe(true);
  });

  test("asks on a terminal, and does nothing without a yes", async () => {
    await pullBuilds("6.12.1");
    const words = ["kernel", "rm", "generic-6.12"];
    for (const answer of ["\n", "n\n"]) {
      const { stdout } = requireExit(await answerTo(words, answer), 1);
      expect(stdout).toContain("Remove generic-6.12?");
      expect(trees()).toHaveLength(1);
    }
    requireExit(await answerTo(words, "y\n"));
    expect(trees()).toEqual([]);
  });

  test("does not ask with --yes, nor without a terminal", async () => {
    await pullBuilds("6.12.1");
    requireExit(await sandbox.bangerOnTerminal(["kernel", "rm", "--yes", "generic-6.12"]));
    await pullBuilds("6.12.1");
    const words = ["kernel", "rm", "generic-6.12"];
    requireExit(await sandbox.banger(words, { keepStdinOpen: true, timeoutMs: 20_000 }));
  });
});

describe("kernel gc", () => {
  test("keeps the current and the previous build, and removes what is older", async () => {
    await pullBuilds("6.12.1", "6.12.2", "6.12.3");
    expect(trees()).toHaveLength(3);
    const would = documentOf(await run(["kernel", "gc", "--dry-run"]));
    expect(would).toMatchObject({ dry_run: true, removed: [{ kind: "build" }] });
    expect(trees()).toHaveLength(3);
    const done = documentOf(await run(["kernel", "gc"]));
    expect(done).toMatchObject({ dry_run: false, removed: valueAt(would, "removed") });
    expect(trees()).toHaveLength(2);
    documentOf(await run(["kernel", "rollback", "generic-6.12"]));
    expect(documentOf(await run(["kernel", "verify"]))).toMatchObject({ kernels: [{ ok: true }] });
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [], freed_bytes: 0 });
  });

  test("keeps a build that an image is pinned to, until the image is gone", async () => {
    await pullBuilds("6.12.1");
    await register("old", {}, "--pin");
    await pullBuilds("6.12.2", "6.12.3");
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [] });
    expect(documentOf(await run(["image", "show", "old"]))).toMatchObject({
      kernel: { kernel_version: "6.12.1" },
      problem: null,
    });
    documentOf(await run(["image", "rm", "old"]));
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [{ kind: "build" }] });
    expect(trees()).toHaveLength(2);
  });

  test("removes downloads that were cut short", async () => {
    await pullBuilds("6.12.1");
    const name = "0".repeat(64);
    writeFileSync(join(kernels, ".parts", `${name}.part`), "12345");
    writeFileSync(join(kernels, ".parts", `${name}.part.origin`), "{}");
    const document = documentOf(await run(["kernel", "gc"]));
    expect(document).toMatchObject({ removed: [{ kind: "download", name, size_bytes: 5 }] });
    expect(readdirSync(join(kernels, ".parts"))).toEqual([]);
  });

  test("of an empty store has nothing to do", async () => {
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [] });
  });

  test("asks on a terminal before it removes anything", async () => {
    await pullBuilds("6.12.1", "6.12.2", "6.12.3");
    requireExit(await answerTo(["kernel", "gc"], "n\n"), 1);
    expect(trees()).toHaveLength(3);
    requireExit(await answerTo(["kernel", "gc"], "y\n"));
    expect(trees()).toHaveLength(2);
  });
});

describe("two state folders that share a kernels folder", () => {
  test("do not remove kernels that images of the other one need", async () => {
    await pullBuilds("6.12.1");
    await register("theirs", other());
    const document = documentOf(await run(["kernel", "rm", "generic-6.12"]), 1);
    expect(textAt(document, "error.message")).toContain("needed by the image theirs");
    expect(documentOf(await run(["image", "list"]))).toEqual({ images: [] });
    documentOf(await run(["image", "rm", "theirs"], other()));
    documentOf(await run(["kernel", "rm", "generic-6.12"]));
  });

  test("do not collect builds that images of the other one are pinned to", async () => {
    await pullBuilds("6.12.1");
    await register("image", other(), "--pin");
    await register("image", {});
    await pullBuilds("6.12.2", "6.12.3");
    documentOf(await run(["image", "rm", "image"]));
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [] });
    documentOf(await run(["image", "rm", "image"], other()));
    expect(documentOf(await run(["kernel", "gc"]))).toMatchObject({ removed: [{ kind: "build" }] });
  });
});
