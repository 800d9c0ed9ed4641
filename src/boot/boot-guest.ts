import path from "node:path";
import type { BootProbe, GuestRun } from "../core/boot-probes.ts";
import { BangerError } from "../core/errors.ts";
import { readGuestReport } from "../core/guest-report.ts";
import { runChild } from "../io/child.ts";
import { nowUs } from "../io/clock.ts";
import { EchoServer } from "../io/echo-server.ts";
import type { Variables } from "../io/environment.ts";
import { inPrivateFolder } from "../io/private-folder.ts";
import { firecrackerCommand } from "./firecracker.ts";
import type { GuestDisk } from "./guest-disk.ts";
import type { MachineFile, MachineInput, MachineOptions, Vmm } from "./machine.ts";
import { qemuCommand } from "./qemu.ts";
import { type MachineRun, runMachine } from "./run-machine.ts";

export interface BootGuestInput {
  readonly disk: GuestDisk;
  readonly machine: Omit<MachineInput, "initrd">;
  readonly root: "disk" | "initramfs" | "initrd";
  readonly initrd: MachineFile | undefined;
  readonly timeoutMs: number;
  readonly silenceMs: number | undefined;
  readonly variables: Variables;
  readonly signal: AbortSignal;
}

/** One boot of the guest, before it is judged. */
export interface GuestBoot {
  readonly run: GuestRun;
  readonly console: string;
  readonly wallMs: number;
  readonly vmmVersion: string;
}

const vsockPort = 1024;
const versionPatienceMs = 5000;

/** Boots banger's guest once. @throws {BangerError} `failed`, `io`; the signal's reason */
export async function bootGuest(vmm: Vmm, input: BootGuestInput): Promise<GuestBoot> {
  const [ended, vmmVersion] = await Promise.all([run(vmm, input), versionOf(vmm, input)]);
  return {
    run: {
      end: ended.end,
      report: readGuestReport(ended.console),
      spoke: ended.console.trim() !== "",
      answered: input.disk.isAnswered(),
      memoryMib: input.machine.memoryMib,
      hostTimeUs: nowUs(),
      notTestable: new Set<BootProbe>(vmm.name === "firecracker" ? ["network"] : []),
    },
    console: ended.console,
    wallMs: ended.wallMs,
    vmmVersion,
  };
}

function run(vmm: Vmm, input: BootGuestInput): Promise<MachineRun> {
  const { machine, root, variables, signal, timeoutMs, silenceMs } = input;
  const options: MachineOptions = { variables, signal, timeoutMs, silenceMs };
  const words = [
    // An initrd of somebody else's mounts the disk itself.
    `banger_root=${root === "initramfs" ? "initramfs" : "disk"}`,
    // Firecracker ends on x86_64 when the keyboard controller asks for a reset.
    `banger_end=${vmm.name === "firecracker" && machine.arch === "x86_64" ? "restart" : "poweroff"}`,
  ];
  const whole = (more: readonly string[]): MachineInput => ({
    ...machine,
    initrd: input.initrd,
    bootArgs: [...machine.bootArgs, ...more, ...words],
  });
  if (vmm.name === "qemu") {
    const rootArgs = root === "initramfs" ? ["pci=off"] : ["pci=off", "root=/dev/vda", "rw"];
    return runMachine(qemuCommand(vmm, whole(rootArgs)), options);
  }
  return inPrivateFolder(async (folder) => {
    const udsPath = path.join(folder, "vsock");
    using _echo = await EchoServer.listen(`${udsPath}_${vsockPort}`);
    const vsock = { guestCid: 3, udsPath };
    const machineInput = whole([`banger_vsock=${vsockPort}`]);
    using command = firecrackerCommand(vmm, machineInput, folder, vsock);
    return await runMachine(command, options);
  });
}

/** As the monitor says it; one that does not say it in time has none. */
async function versionOf(vmm: Vmm, { variables, signal }: BootGuestInput): Promise<string> {
  try {
    const { stdout } = await runChild({
      program: vmm.program,
      args: ["--version"],
      environment: variables,
      signal: AbortSignal.any([signal, AbortSignal.timeout(versionPatienceMs)]),
      maxOutputBytes: 4096,
    });
    return /\d{1,9}\.\d{1,9}(?:\.\d{1,9})?/.exec(stdout)?.[0] ?? "unknown";
  } catch (error) {
    if (signal.aborted || error instanceof BangerError) throw error;
    return "unknown";
  }
}
