import { firecrackerConfig } from "../core/firecracker-config.ts";
import { HeldFile } from "../io/held-file.ts";
import { Descriptors, type MachineCommand, type MachineInput, type Vmm } from "./machine.ts";

/** Where the host listens for the guest, and what Firecracker is told of it. */
export interface HostVsock {
  readonly guestCid: number;
  /** Absolute; Firecracker makes it, and connects the guest's port N to `<udsPath>_N`. */
  readonly udsPath: string;
}

/**
 * The command that boots a kernel in Firecracker, with its console on standard output. The guest has no
 * network: a tap device would need root. Always with KVM.
 *
 * @param folder for its configuration, which is in a file without a name there.
 * @param vsock undefined: no such device.
 * @see https://github.com/firecracker-microvm/firecracker/blob/main/docs/getting-started.md
 */
export function firecrackerCommand(
  vmm: Vmm,
  input: MachineInput,
  folder: string,
  vsock: HostVsock | undefined,
): MachineCommand & Disposable {
  const descriptors = new Descriptors();
  const config = firecrackerConfig({
    arch: input.arch,
    kernelPath: descriptors.pathOf(input.kernel),
    initrdPath: input.initrd && descriptors.pathOf(input.initrd),
    rootfsPath: descriptors.pathOf(input.disk),
    readOnly: input.diskIsReadOnly,
    bootArgs: input.bootArgs.join(" "),
    vcpuCount: 1,
    memSizeMib: input.memoryMib,
    vsock,
  });
  const { drives, ...others } = config;
  const file = HeldFile.nameless(folder);
  file.write(
    Buffer.from(
      JSON.stringify({
        ...others,
        drives: input.without.has("disk") ? [] : drives,
        ...(input.without.has("entropy") ? {} : { entropy: {} }),
      }),
    ),
  );
  const configPath = descriptors.pathOf({ descriptor: file.descriptor });
  return {
    program: vmm.program,
    args: ["--no-api", "--level", "Error", "--config-file", configPath],
    descriptors: descriptors.all,
    [Symbol.dispose]() {
      file[Symbol.dispose]();
    },
  };
}
