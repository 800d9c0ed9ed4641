import type { Arch } from "../core/arch.ts";
import { Descriptors, type MachineCommand, type MachineInput, type Vmm } from "./machine.ts";

interface Target {
  readonly program: string;
  readonly machine: "microvm" | "virt";
}

/** What imitates a microVM of each architecture. */
export const qemuTargets: Readonly<Record<Arch, Target>> = {
  x86_64: { program: "qemu-system-x86_64", machine: "microvm" },
  arm64: { program: "qemu-system-aarch64", machine: "virt" },
};

/**
 * The command that boots a kernel in QEMU, with its console on standard output. The guest has a network that
 * ends in QEMU: it reaches neither the host nor anything else.
 *
 * @see https://www.qemu.org/docs/master/system/i386/microvm.html
 * @see https://www.qemu.org/docs/master/system/arm/virt.html
 */
export function qemuCommand(vmm: Vmm, input: MachineInput): MachineCommand {
  const { without } = input;
  const descriptors = new Descriptors();
  const args = [
    [...machineArgs(vmm, input.arch), "-accel", vmm.accelerator],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-m", String(input.memoryMib), "-kernel", descriptors.pathOf(input.kernel)],
    input.initrd === undefined ? [] : ["-initrd", descriptors.pathOf(input.initrd)],
    ["-append", [...input.bootArgs, ...kernelArgs(vmm, input.arch)].join(" ")],
    without.has("disk") ? [] : diskArgs(descriptors.pathOf(input.disk), input.diskIsReadOnly),
    without.has("network")
      ? []
      : ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-device,netdev=net"],
    without.has("entropy") ? [] : ["-device", "virtio-rng-device"],
  ].flat();
  return { program: vmm.program, args, descriptors: descriptors.all };
}

function machineArgs(vmm: Vmm, arch: Arch): readonly string[] {
  const isFast = vmm.accelerator === "kvm";
  if (arch === "x86_64") {
    const cpu = isFast ? "host" : "max";
    return ["-M", "microvm,acpi=on,rtc=on", "-cpu", cpu, "-serial", "stdio"];
  }
  return [
    ["-M", isFast ? "virt,gic-version=host" : "virt", "-cpu", isFast ? "host" : "cortex-a72"],
    // The serial port of Firecracker's machine is not there.
    ["-serial", "none", "-chardev", "stdio,id=console,signal=off"],
    ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=console"],
  ].flat();
}

function kernelArgs(vmm: Vmm, arch: Arch): readonly string[] {
  // The console that is named last is init's.
  if (arch === "arm64") return ["console=hvc0"];
  // Under software emulation on a busy machine the kernel may calibrate its clock for ever.
  return vmm.accelerator === "tcg" ? ["tsc_early_khz=2500000"] : [];
}

function diskArgs(file: string, isReadOnly: boolean): readonly string[] {
  // In the syntax of QEMU's options a comma in a path is written twice.
  const path = file.replaceAll(",", ",,");
  return [
    "-drive",
    `id=disk,file=${path},format=raw,if=none,snapshot=${isReadOnly ? "on" : "off"}`,
    "-device",
    "virtio-blk-device,drive=disk",
  ];
}
