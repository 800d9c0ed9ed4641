import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { firecrackerProblems, hasFirecrackerSchema } from "../support/firecracker-schema.ts";
import { makeFileSystem } from "../support/root-file-systems.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

const shared = mkdtempSync(join(tmpdir(), "banger-image-"));
const rootfs = join(shared, "rootfs.ext4");
let sandbox: Sandbox;

beforeAll(() => makeFileSystem("ext4", rootfs));
afterAll(() => rmSync(shared, { recursive: true }));
beforeEach(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  sandbox.writeCatalog([sandbox.bundle(), sandbox.bundle({ arch: "arm64" })]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12", "generic-6.12:arm64"]));
});
afterEach(() => sandbox.dispose());

function image(...args: readonly string[]): Promise<ChildResult> {
  return sandbox.banger(["image", ...args, "--json"]);
}

function register(name: string, ...flags: readonly string[]): Promise<ChildResult> {
  const kernel = flags.includes("--kernel-ref") ? [] : ["--kernel-ref", "generic-6.12"];
  return image("register", "--name", name, "--rootfs", rootfs, ...kernel, ...flags);
}

/** Pulls a newer build; the arm64 one stays. */
async function upgrade(version: string): Promise<void> {
  const serial = 1 + Number(version.split(".")[2]);
  sandbox.writeCatalog([sandbox.bundle({ version })], { serial });
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
}

describe("image register", () => {
  test("joins a root filesystem with a kernel, and a second time says that it is so already", async () => {
    expect(documentOf(await register("web"))).toMatchObject({ outcome: "registered", rootfs });
    const before = sandbox.snapshot();
    expect(documentOf(await register("web"))).toMatchObject({ outcome: "current" });
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("does not replace an image, unless forced", async () => {
    documentOf(await register("web"));
    const before = sandbox.snapshot();
    const document = documentOf(await register("web", "--read-only"), 1);
    expect(document).toMatchObject({ error: { code: "refused" } });
    expect(sandbox.snapshot()).toEqual(before);
    const forced = documentOf(await register("web", "--read-only", "--force"));
    expect(forced).toMatchObject({ outcome: "replaced", read_only: true });
  });

  test("wants the kernel to be installed, and says how to pull it", async () => {
    sandbox.writeCatalog([sandbox.bundle({ name: "debian-6.1", version: "6.1.9" })]);
    const missing = documentOf(await register("web", "--kernel-ref", "debian-6.1"), 3);
    expect(valueAt(missing, "error.hint")).toBe("to install it: banger kernel pull debian-6.1");
    const typo = documentOf(await register("web", "--kernel-ref", "generic-6.21"), 3);
    expect(valueAt(typo, "error.hint")).toBe("did you mean generic-6.12?");
    expect(documentOf(await image("list"))).toEqual({ images: [] });
  });

  test("keeps an absolute path, whatever folder it was called from", async () => {
    symlinkSync(rootfs, join(sandbox.work, "link"));
    const words = ["register", "--name", "web", "--rootfs", "link", "--kernel-ref", "generic-6.12"];
    const document = documentOf(await image(...words));
    expect(textAt(document, "rootfs")).toBe(join(sandbox.work, "link"));
  });

  test.each<[string, number, readonly string[]]>([
    ["a name that is none", 2, ["--name", "../web"]],
    ["boot arguments with a newline", 2, ["--boot-args", "quiet\nx"]],
    ["boot arguments that are too long", 2, ["--boot-args", "x".repeat(3000)]],
    ["a reference that is none", 2, ["--kernel-ref", "generic-6.12@@"]],
    ["a build that is not installed", 3, ["--kernel-ref", "generic-6.12@6.12.9"]],
    ["a root filesystem that is not there", 1, ["--rootfs", "none"]],
    ["a folder", 4, ["--rootfs", "."]],
    ["a device without a filesystem", 4, ["--rootfs", "/dev/null"]],
  ])("refuses %s with exit %d, and registers nothing", async (_what, exitCode, flags) => {
    const document = documentOf(await register("web", ...flags), exitCode);
    expect(valueAt(document, "error.message")).not.toContain("\n");
    expect(documentOf(await image("list"))).toEqual({ images: [] });
  });
});

describe("an image", () => {
  test("follows the name of its kernel through patch levels", async () => {
    documentOf(await register("web"));
    const path = join(sandbox.state, "kernels/generic-6.12/vmlinux");
    await upgrade("6.12.2");
    expect(documentOf(await image("show", "web"))).toMatchObject({
      kernel: { pinned: false, kernel_version: "6.12.2" },
    });
    const config = documentOf(await image("config", "web"));
    expect(textAt(config, "boot-source.kernel_image_path")).toBe(path);
  });

  test.each(["--pin", "--kernel-ref generic-6.12@6.12.1"])(
    "registered with %s holds the very build, through pulls, rollbacks and gc",
    async (flags) => {
      documentOf(await register("web", ...flags.split(" ")));
      const bytes = readFileSync(join(sandbox.state, "kernels/generic-6.12/vmlinux"));
      await upgrade("6.12.2");
      await upgrade("6.12.3");
      requireExit(await sandbox.banger(["kernel", "rollback", "generic-6.12"]));
      requireExit(await sandbox.banger(["kernel", "gc"]));
      expect(documentOf(await image("show", "web"))).toMatchObject({
        kernel: { pinned: true, kernel_version: "6.12.1" },
      });
      const config = documentOf(await image("config", "web"));
      expect(readFileSync(textAt(config, "boot-source.kernel_image_path"))).toEqual(bytes);
    },
  );

  test("stays pinned to its build when a pull repairs it", async () => {
    documentOf(await register("web", "--pin"));
    writeFileSync(join(sandbox.state, "kernels/generic-6.12/vmlinux"), "damage");
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
    const config = documentOf(await image("config", "web"));
    const path = textAt(config, "boot-source.kernel_image_path");
    expect(readFileSync(path)).toEqual(Buffer.from(smallKernel()));
    expect(documentOf(await image("show", "web"))).toMatchObject({ problem: null });
  });

  test("whose root filesystem is gone is listed with its problem, and has no config", async () => {
    const own = join(sandbox.work, "own.ext4");
    writeFileSync(own, readFileSync(rootfs));
    const words = ["register", "--name", "web", "--rootfs", own, "--kernel-ref", "generic-6.12"];
    documentOf(await image(...words));
    rmSync(own);
    const list = documentOf(await image("list"));
    expect(textAt(list, "images.0.problem")).toContain(`the root filesystem ${own} of web is gone`);
    const document = documentOf(await image("config", "web"), 3);
    expect(textAt(document, "error.hint")).toContain("banger image register --force --name web");
    const { stdout } = requireExit(await sandbox.banger(["image", "list"]));
    expect(stdout).toContain("no rootfs");
  });

  test("is forgotten by rm, and its root filesystem stays", async () => {
    documentOf(await register("web"));
    const document = documentOf(await image("rm", "web", "wob"), 3);
    expect(document).toMatchObject({
      removed: [
        { name: "web", rootfs },
        { name: "wob", error: { code: "not-found" } },
      ],
    });
    expect(existsSync(rootfs)).toBe(true);
    expect(documentOf(await image("list"))).toEqual({ images: [] });
    requireExit(await sandbox.banger(["kernel", "rm", "generic-6.12"]));
  });

  test("that there is not gets the nearest name", async () => {
    documentOf(await register("webserver"));
    for (const command of ["show", "config", "rm"]) {
      const document = documentOf(await image(command, "websever"), 3);
      expect(valueAt(document, "error.hint")).toBe("did you mean webserver?");
    }
  });
});

describe("image config", () => {
  const everything = [
    ["--vcpus", "4", "--mem", "1024", "--tap", "tap0", "--mac", "06:00:AC:10:00:02"],
    ["--vsock-cid", "3", "--vsock-uds", "v.sock"],
  ].flat();

  test("names files that exist, by absolute paths, with the arguments of the architecture", async () => {
    documentOf(await register("web"));
    documentOf(await register("arm", "--kernel-ref", "generic-6.12:arm64", "--read-only"));
    documentOf(await register("quiet", "--boot-args", "console=ttyS0 quiet"));
    for (const [name, args] of [
      ["web", "console=ttyS0 reboot=k panic=1"],
      ["arm", "keep_bootcon console=ttyS0 reboot=k panic=1"],
      ["quiet", "console=ttyS0 quiet"],
    ] as const) {
      const config = documentOf(await image("config", name));
      expect(textAt(config, "boot-source.boot_args")).toBe(args);
      expect(existsSync(textAt(config, "boot-source.kernel_image_path"))).toBe(true);
      expect(config).toMatchObject({
        drives: [{ path_on_host: rootfs, is_read_only: name === "arm" }],
      });
    }
  });

  test("names the initrd of a kernel that has one, and takes all options", async () => {
    const files = { vmlinux: smallKernel(), "initrd.img": "initrd" };
    sandbox.writeCatalog([sandbox.bundle({ name: "initrd-1.0", files })]);
    requireExit(await sandbox.banger(["kernel", "pull", "initrd-1.0"]));
    documentOf(await register("web", "--kernel-ref", "initrd-1.0"));
    const config = documentOf(await image("config", "web", ...everything));
    expect(readFileSync(textAt(config, "boot-source.initrd_path"), "utf8")).toBe("initrd");
    expect(config).toMatchObject({
      "machine-config": { vcpu_count: 4, mem_size_mib: 1024 },
      "network-interfaces": [{ host_dev_name: "tap0", guest_mac: "06:00:ac:10:00:02" }],
      vsock: { guest_cid: 3, uds_path: join(sandbox.work, "v.sock") },
    });
  });

  test.skipIf(!hasFirecrackerSchema)("is what Firecracker's own specification allows", async () => {
    documentOf(await register("web"));
    const least = documentOf(await image("config", "web"));
    expect(firecrackerProblems(least)).toEqual([]);
    const most = documentOf(await image("config", "web", ...everything));
    expect(firecrackerProblems(most)).toEqual([]);
    expect(firecrackerProblems(Object.assign({ network: [] }, most))).not.toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    ["33 vCPUs", ["--vcpus", "33"]],
    ["no vCPU", ["--vcpus", "0"]],
    ["memory that is no number", ["--mem", "1G"]],
    ["a MAC address without a tap device", ["--mac", "06:00:ac:10:00:02"]],
    ["a multicast MAC address", ["--tap", "tap0", "--mac", "01:00:5e:00:00:01"]],
    ["half a vsock", ["--vsock-cid", "3"]],
    ["the other half of a vsock", ["--vsock-uds", "v.sock"]],
    ["a vsock address that is taken", ["--vsock-cid", "2", "--vsock-uds", "v.sock"]],
  ])("refuses %s", async (_what, flags) => {
    documentOf(await register("web"));
    expect(documentOf(await image("config", "web", ...flags), 2)).toMatchObject({
      error: { code: "usage" },
    });
  });
});
