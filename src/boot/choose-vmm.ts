import type { Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import { findProgram, kvmState } from "../io/host.ts";
import { missingProgram } from "../io/missing-program.ts";
import type { Environment } from "../io/environment.ts";
import type { Vmm } from "./machine.ts";
import { qemuTargets } from "./qemu.ts";

/** Which virtual machine monitor somebody wants. */
export type WantedVmm = "auto" | "firecracker" | "qemu";

/**
 * The monitors that can run a kernel of an architecture here, the best first: Firecracker, QEMU with KVM,
 * QEMU alone. Whether KVM really runs a kernel is seen only when it does.
 *
 * @throws {BangerError} `failed`, when there is none, with how to get one.
 */
export function usableVmms(environment: Environment, arch: Arch, wanted: WantedVmm): Vmm[] {
  const { variables, hostArch } = environment;
  const kvm = hostArch === arch ? kvmState() : "absent";
  const firecracker = findProgram("firecracker", variables) !== undefined;
  const target = qemuTargets[arch];
  const found: Vmm[] = [];
  if (wanted !== "qemu" && firecracker && kvm === "usable") {
    const program = "firecracker";
    found.push({ name: program, program, machine: program, accelerator: "kvm" });
  }
  if (wanted !== "firecracker" && findProgram(target.program, variables) !== undefined) {
    const qemu = { name: "qemu", program: target.program, machine: target.machine } as const;
    if (kvm === "usable") found.push({ ...qemu, accelerator: "kvm" });
    found.push({ ...qemu, accelerator: "tcg" });
  }
  if (found.length > 0) return found;
  if (wanted !== "firecracker") throw missingProgram(target.program);
  const obstacle = !firecracker
    ? "there is no program firecracker on this machine"
    : hostArch === arch
      ? `Firecracker needs KVM, and /dev/kvm is ${kvm}`
      : `Firecracker runs kernels for ${hostArch} here, not for ${arch}`;
  throw new BangerError("failed", obstacle, { hint: "QEMU needs neither: --vmm qemu" });
}
