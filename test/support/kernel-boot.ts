/** Boots a kernel in QEMU, with a root filesystem whose init tells what it finds. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arch } from "../../src/core/arch.ts";
import { runChild } from "./child.ts";

/** Software emulation beside other work: a boot that takes longer hangs. */
export const bootLimitMs = 300_000;

interface Machine {
  readonly compiler: string;
  readonly compilerPackage: string;
  readonly qemu: string;
  readonly qemuPackage: string;
  /** The machine, and its console on standard output. */
  readonly qemuArgs: readonly string[];
  /** What the kernel must be told beyond what Firecracker tells it. */
  readonly kernelArgs: string;
}

const machines: Readonly<Record<Arch, Machine>> = {
  x86_64: {
    compiler: "/usr/bin/x86_64-linux-gnu-gcc",
    compilerPackage: "gcc",
    qemu: "/usr/bin/qemu-system-x86_64",
    qemuPackage: "qemu-system-x86",
    qemuArgs: ["-M", "microvm,acpi=on", "-serial", "stdio"],
    // Under software emulation on a busy machine the kernel may calibrate its clock for ever.
    kernelArgs: "tsc_early_khz=2500000",
  },
  arm64: {
    compiler: "/usr/bin/aarch64-linux-gnu-gcc",
    compilerPackage: "gcc-aarch64-linux-gnu",
    qemu: "/usr/bin/qemu-system-aarch64",
    qemuPackage: "qemu-system-arm",
    qemuArgs: [
      ["-M", "virt", "-cpu", "cortex-a72", "-serial", "none", "-chardev", "stdio,id=console"],
      ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=console"],
    ].flat(),
    // The serial port of Firecracker's machine is not there; the console that is named last is init's.
    kernelArgs: "console=hvc0",
  },
};

/** Why kernels of this architecture cannot be booted here, or `undefined` if they can. */
export function bootObstacle(arch: Arch): string | undefined {
  const { compiler, compilerPackage, qemu, qemuPackage } = machines[arch];
  const programs = {
    [qemu]: qemuPackage,
    [compiler]: compilerPackage,
    "/usr/sbin/mke2fs": "e2fsprogs",
  };
  const missing = Object.entries(programs).find(([file]) => !existsSync(file));
  return missing && `${missing[0]} is missing; run: apt-get install ${missing[1]}`;
}

export interface BootOptions {
  readonly arch: Arch;
  /** The `vmlinux` of a bundle: on arm64 that is an Image. */
  readonly kernel: string;
  /** As {@link makeRootFileSystem} makes it. */
  readonly rootFileSystem: string;
  /** The kernel's arguments without its root drive. */
  readonly bootArgs: string;
  readonly memoryMib: number;
}

/** What init said of the kernel that runs it. */
export interface BootReport {
  /** Of the root filesystem. */
  readonly nonce: string;
  /** As `uname -r`. */
  readonly release: string;
  /** As `uname -m`. */
  readonly machine: string;
  /** Whether /proc/config.gz is there. */
  readonly hasConfig: boolean;
  /** Whether /sys/kernel/btf/vmlinux is there. */
  readonly hasBtf: boolean;
  /** The first line of /proc/mounts. */
  readonly root: string;
}

/**
 * Makes an ext4 image with a nonce and an init that says it, below `folder`. The nonce is in its name.
 *
 * @returns its file.
 */
export function makeRootFileSystem(arch: Arch, folder: string, nonce: string): string {
  const tree = join(folder, `tree-${nonce}`);
  for (const name of ["dev", "proc", "sbin", "sys"]) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  writeFileSync(join(tree, "nonce"), `${nonce}\n`);
  run(machines[arch].compiler, [
    ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-nostdlib", "-ffreestanding"],
    ["-fno-builtin", "-fno-stack-protector", "-fno-pie", "-no-pie", "-Wl,--build-id=none"],
    ["-o", join(tree, "sbin/init"), join(import.meta.dirname, "init.c")],
  ]);
  const image = join(folder, `rootfs-${nonce}.ext4`);
  run("/usr/sbin/mke2fs", [["-q", "-F", "-t", "ext4", "-d", tree, image, "8M"]]);
  return image;
}

/**
 * Boots a kernel from a root filesystem of {@link makeRootFileSystem} until its init has ended the machine.
 *
 * @throws with all of the console, when init did not speak, or the machine did not end well.
 */
export async function bootKernel(options: BootOptions): Promise<BootReport> {
  const { qemu, qemuArgs, kernelArgs } = machines[options.arch];
  // What Firecracker itself adds for a root drive.
  const bootArgs = `${options.bootArgs} pci=off root=/dev/vda ro ${kernelArgs}`;
  const { exitCode, stdout, stderr } = await runChild({
    file: qemu,
    args: [
      [...qemuArgs, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"],
      ["-no-reboot", "-m", String(options.memoryMib), "-kernel", options.kernel],
      ["-append", bootArgs],
      ["-drive", `id=root,file=${options.rootFileSystem},format=raw,if=none,readonly=on`],
      ["-device", "virtio-blk-device,drive=root"],
    ].flat(),
    env: { PATH: "/usr/bin:/bin" },
    timeoutMs: bootLimitMs,
  });
  const report = readReport(stdout);
  if (exitCode === 0 && report !== undefined && !stdout.includes("Kernel panic")) return report;
  throw new Error(
    `${options.kernel} does not boot: ${qemu} ended with ${String(exitCode)}\n${stdout}${stderr}`,
  );
}

/**
 * Boots a kernel alone, with the arguments that Firecracker's guests usually have.
 *
 * @throws as {@link bootKernel}; also when init read another root filesystem than ours.
 */
export async function bootKernelFile(arch: Arch, kernel: string): Promise<BootReport> {
  const folder = mkdtempSync(join(tmpdir(), "banger-boot-"));
  try {
    const nonce = randomUUID();
    const rootFileSystem = makeRootFileSystem(arch, folder, nonce);
    const bootArgs = "console=ttyS0 reboot=k panic=1";
    const report = await bootKernel({ arch, kernel, rootFileSystem, bootArgs, memoryMib: 256 });
    if (report.nonce === nonce) return report;
    throw new Error(`init says the nonce ${report.nonce}, expected ${nonce}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const spoken =
  /^banger-init nonce=(?<nonce>\S+) release=(?<release>\S+) machine=(?<machine>\S+) config=(?<config>yes|no) btf=(?<btf>yes|no) root=(?<root>.+) banger-end\r?$/m;

function readReport(console: string): BootReport | undefined {
  const words = spoken.exec(console)?.groups;
  if (words === undefined) return undefined;
  const { nonce = "", release = "", machine = "", config, btf, root = "" } = words;
  return { nonce, release, machine, hasConfig: config === "yes", hasBtf: btf === "yes", root };
}

function run(program: string, args: readonly (readonly string[])[]): void {
  const { status, stderr } = spawnSync(program, args.flat(), { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}
