/** The kernel of bundles/, pulled by the executable as it is shipped, boots. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { runChild } from "../support/child.ts";
import { testUnless } from "../support/obstacles.ts";
import { Sandbox } from "../support/sandbox.ts";

/** As the README of ../shared publishes it. */
const publishedSha256 = "dbdda47f813f9f8d377a7f9f620c676ad56981441125a55a3223707907e7d298";
const bundles = resolve(import.meta.dirname, "../../bundles");
const bootLimitMs = 120_000;

const programs = {
  "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
  "/bin/busybox": "busybox-static",
  "/usr/sbin/mke2fs": "e2fsprogs",
};
const missing = Object.entries(programs).find(([file]) => !existsSync(file));
const obstacle = missing && `${missing[0]} is missing; run: apt-get install ${missing[1]}`;

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors(bundles);
  // No BANGER_CATALOG: the catalog within the executable counts.
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12:x86_64"]));
});
afterAll(() => sandbox.dispose());

/** A root filesystem whose init says the nonce and ends the machine. */
function makeRootFileSystem(nonce: string): string {
  const tree = join(sandbox.work, "tree");
  for (const folder of ["bin", "sbin", "dev", "proc"]) {
    mkdirSync(join(tree, folder), { recursive: true });
  }
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"));
  symlinkSync("busybox", join(tree, "bin/sh"));
  const init = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
echo "nonce ${nonce} release $(/bin/busybox uname -r) root $(/bin/busybox cut -d' ' -f1,3 /proc/mounts | /bin/busybox head -n 1)"
/bin/busybox poweroff -f
`;
  writeFileSync(join(tree, "sbin/init"), init);
  chmodSync(join(tree, "sbin/init"), 0o755);
  const image = join(sandbox.work, "rootfs.ext4");
  const args = ["-q", "-t", "ext4", "-d", tree, image, "16M"];
  const { status, stderr } = spawnSync("/usr/sbin/mke2fs", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`mke2fs failed: ${stderr}`);
  return image;
}

/** Under software emulation on a busy machine the kernel may calibrate its clock for ever. */
const calibration = "tsc_early_khz=2500000";

describe("the kernel of bundles/", () => {
  test("is byte for byte the kernel whose hash was published", async () => {
    const { stdout } = await sandbox.banger(["kernel", "path", "generic-6.12:x86_64", "vmlinux"]);
    const bytes = readFileSync(stdout.trim());
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(publishedSha256);
    requireExit(await sandbox.banger(["kernel", "verify", "generic-6.12:x86_64"]));
  });

  testUnless(
    obstacle,
    "boots an image to its init, with the files and arguments of image config",
    async () => {
      const nonce = randomUUID();
      const rootfs = makeRootFileSystem(nonce);
      const words = ["image", "register", "--name", "boot", "--rootfs", rootfs, "--read-only"];
      requireExit(await sandbox.banger([...words, "--kernel-ref", "generic-6.12:x86_64"]));
      const config = documentOf(await sandbox.banger(["image", "config", "boot"]));
      // What Firecracker itself adds for a root drive.
      const bootArgs = `${textAt(config, "boot-source.boot_args")} root=/dev/vda ro ${calibration}`;
      const drive = textAt(config, "drives.0.path_on_host");
      const result = await runChild({
        file: "/usr/bin/qemu-system-x86_64",
        args: [
          ["-M", "microvm,acpi=on", "-accel", "tcg", "-nodefaults", "-no-user-config"],
          ["-display", "none", "-serial", "stdio", "-no-reboot"],
          ["-m", String(valueAt(config, "machine-config.mem_size_mib"))],
          ["-kernel", textAt(config, "boot-source.kernel_image_path"), "-append", bootArgs],
          ["-drive", `id=root,file=${drive},format=raw,if=none,readonly=on`],
          ["-device", "virtio-blk-device,drive=root"],
        ].flat(),
        env: { PATH: "/usr/bin:/bin" },
        timeoutMs: bootLimitMs,
      });
      expect(result.stdout).toContain(`nonce ${nonce} release 6.12.117 root /dev/root ext4`);
      expect(requireExit(result).stdout).not.toContain("Kernel panic");
    },
    bootLimitMs + 30_000,
  );
});
