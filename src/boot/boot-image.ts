import { inPrivateFolder } from "../io/private-folder.ts";
import { firecrackerCommand } from "./firecracker.ts";
import type { MachineInput, MachineOptions, Vmm } from "./machine.ts";
import { qemuCommand } from "./qemu.ts";
import { type MachineRun, runMachine } from "./run-machine.ts";

/**
 * Boots a root filesystem of somebody's once. In QEMU the guest may write, and what it writes is thrown away;
 * in Firecracker its disk is read-only.
 *
 * @throws {BangerError} `failed`, `io`; the signal's reason.
 */
export function bootImageOnce(
  vmm: Vmm,
  input: MachineInput,
  options: MachineOptions,
): Promise<MachineRun> {
  if (vmm.name === "qemu") {
    const rootArgs = ["pci=off", "root=/dev/vda", "rw"];
    const machine = { ...input, bootArgs: [...input.bootArgs, ...rootArgs] };
    return runMachine(qemuCommand(vmm, machine), options);
  }
  return inPrivateFolder(async (folder) => {
    using command = firecrackerCommand(vmm, input, folder, undefined);
    return await runMachine(command, options);
  });
}
