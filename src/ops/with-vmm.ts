import { usableVmms, type WantedVmm } from "../boot/choose-vmm.ts";
import type { Vmm } from "../boot/machine.ts";
import type { Arch } from "../core/arch.ts";
import type { Context } from "./context.ts";

/** KVM that runs a kernel says something within this time. */
const kvmPatienceMs = 10_000;

export interface VmmInput {
  /** In what is reported. */
  readonly name: string;
  readonly arch: Arch;
  readonly vmm: WantedVmm;
}

/**
 * Boots with the best monitor there is. KVM that is there and does not run the kernel is passed over: where
 * nothing is heard, the next monitor is tried.
 *
 * @param boot gives up when nothing is heard for `silenceMs`.
 * @throws {BangerError} `failed`, when there is no monitor; what `boot` throws.
 */
export async function withVmm<Booted extends { readonly console: string }>(
  context: Context,
  { name, arch, vmm: wanted }: VmmInput,
  boot: (vmm: Vmm, silenceMs: number | undefined) => Promise<Booted>,
): Promise<Booted & { readonly vmm: Vmm }> {
  const vmms = usableVmms(context.environment, arch, wanted);
  for (const [index, vmm] of vmms.entries()) {
    const isLast = index === vmms.length - 1;
    context.report({ kind: "boot", name, vmm });
    const isPatient = isLast || vmm.accelerator === "tcg";
    const booted = await boot(vmm, isPatient ? undefined : kvmPatienceMs);
    if (isLast || booted.console.trim() !== "") return { ...booted, vmm };
    context.report({ kind: "kvm-passed-over", name, vmm });
  }
  throw new Error("there is at least one monitor");
}
