/**
 * Boots the kernel that was built, and makes sure that it is the one that was wanted: called by make
 * boot-kernel.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isArch } from "../../src/core/arch.ts";
import { isKernelVersion, kernelLine } from "../../src/core/kernel-version.ts";
import { bootKernelFile, bootObstacle } from "./kernel-boot.ts";

function fail(exitCode: number, message: string): never {
  console.error(`banger: error: ${message}`);
  process.exit(exitCode);
}

const [line = "", arch = "", folder = ""] = process.argv.slice(2);
if (process.argv.length !== 5 || !/^\d+\.\d+$/.test(line) || !isArch(arch)) {
  fail(2, "boot-kernel.ts wants a line, x86_64 or arm64, and the folder with vmlinux");
}
const obstacle = bootObstacle(arch);
if (obstacle !== undefined) fail(1, `cannot boot a kernel for ${arch}: ${obstacle}`);
const kernel = join(folder, "vmlinux");
if (!existsSync(kernel)) {
  fail(1, `there is no ${kernel}\nhint: run first: make kernel LINE=${line} ARCH=${arch}`);
}

try {
  const { release, machine, hasConfig, hasBtf, root } = await bootKernelFile(arch, kernel);
  const faults = [
    ...(isKernelVersion(release) && kernelLine(release) === line
      ? []
      : [`it is Linux ${release}, expected ${line}`]),
    ...(hasConfig ? [] : ["it has no /proc/config.gz"]),
    ...(hasBtf ? [] : ["it has no /sys/kernel/btf/vmlinux"]),
  ];
  if (faults.length > 0) fail(1, `${kernel} boots, but ${faults.join("; ")}`);
  console.log(
    `${kernel}: Linux ${release} for ${machine} boots from ${root}, with its configuration and BTF`,
  );
} catch (error) {
  fail(1, error instanceof Error ? error.message : String(error));
}
