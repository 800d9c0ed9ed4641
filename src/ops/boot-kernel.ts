import path from "node:path";
import type { WantedVmm } from "../boot/choose-vmm.ts";
import { GuestDisk } from "../boot/guest-disk.ts";
import { bootGuest, type GuestBoot } from "../boot/boot-guest.ts";
import type { Device, Vmm } from "../boot/machine.ts";
import { consoleTail, initrdFault, likelyCause } from "../core/boot-cause.ts";
import { isProven, judgeBoot, type ProbeResult } from "../core/boot-probes.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import { BangerError } from "../core/errors.ts";
import { defaultBootArgs } from "../core/firecracker-config.ts";
import { judgeKernel, type KernelFacts } from "../core/kernel-facts.ts";
import { fileDigest } from "../core/manifest.ts";
import { lookThrough, realPath } from "../io/files.ts";
import { HeldFile } from "../io/held-file.ts";
import { temporaryFolder } from "../io/private-folder.ts";
import type { Context } from "./context.ts";
import { holdKernel } from "./hold-kernel.ts";
import { inspectOpenKernel, openKernel, requireUnchanged } from "./inspect-kernel.ts";
import type { KernelTarget } from "./kernel-target.ts";
import { withVmm } from "./with-vmm.ts";

export interface BootKernelInput {
  readonly target: KernelTarget;
  readonly vmm: WantedVmm;
  /** `disk`: an ext4 image by virtio-blk; `initramfs`: the same init without one. */
  readonly root: "disk" | "initramfs";
  /** Boot with it, and let it find the disk. Undefined: the kernel's own, when it has one. */
  readonly initrd: string | undefined;
  /** Undefined: what the kernel needs, and no less than 256. */
  readonly memoryMib: number | undefined;
  readonly timeoutS: number;
  /** After the default ones. */
  readonly bootArgs: string | undefined;
  readonly without: ReadonlySet<Device>;
}

/** What a boot came to. */
export interface BootReport {
  readonly facts: KernelFacts;
  readonly vmm: Vmm;
  /** As the monitor says it. */
  readonly vmmVersion: string;
  readonly root: "disk" | "initramfs" | "initrd";
  readonly memoryMib: number;
  readonly proven: boolean;
  readonly probes: readonly ProbeResult[];
  /** From the start of the kernel to init, on the guest's clock; undefined when it did not come so far. */
  readonly kernelMs: number | undefined;
  /** From the start of the monitor to its end. */
  readonly wallMs: number;
  /** Why it is not proven, as far as it can be told. */
  readonly cause: string | undefined;
  /** The last lines of the console. */
  readonly console: readonly string[];
}

const leastMemoryMib = 256;
/** No initrd is larger: 1 GiB. */
const maxInitrdBytes = 2 ** 30;
/**
 * Boots a kernel in a virtual machine with banger's guest, and tries out what it should do. Needs no root,
 * and leaves nothing behind.
 *
 * @throws {BangerError} `wrong-image`, when it is no kernel that could boot; `usage`, when it does not
 * fit into the memory; `failed`, when there is no
 * monitor; `not-found`, `io`, `no-space`; the signal's reason. A boot that fails is no error: see the report.
 */
export async function bootKernel(context: Context, input: BootKernelInput): Promise<BootReport> {
  const { target } = input;
  using _held = target.installed && holdKernel(target.installed);
  // What is told of is what is booted, whatever takes its name meanwhile.
  using kernel = openKernel(target);
  const { stamp } = kernel;
  const facts = inspectOpenKernel(context, target, kernel);
  const { arch } = facts;
  using initrd = openInitrd(input);
  const memoryMib = input.memoryMib ?? memoryFor(facts, initrd);
  requireRoom(facts, memoryMib);
  const guest = context.guests[arch];
  const root = initrd !== undefined ? "initrd" : input.root;
  const name = target.installed?.name ?? target.file;
  const boot = await withVmm(context, { name, arch, vmm: input.vmm }, async (vmm, silenceMs) => {
    using disk = GuestDisk.make(guest.disk, temporaryFolder());
    // What is within the executable is no file to other programs.
    using initramfs = HeldFile.copyOf(guest.initramfs, temporaryFolder());
    // Awaited here: the disk is gone with this function.
    return await bootGuest(vmm, {
      disk,
      machine: {
        arch,
        kernel,
        disk: disk.file,
        diskIsReadOnly: false,
        memoryMib,
        without: input.without,
        bootArgs: [
          defaultBootArgs[arch],
          ...(input.bootArgs === undefined ? [] : [input.bootArgs]),
        ],
      },
      root,
      initrd: initrd ?? (root === "initramfs" ? initramfs : undefined),
      timeoutMs: input.timeoutS * 1000,
      silenceMs,
      variables: context.environment.variables,
      signal: context.signal,
    });
  });
  requireUnchanged(facts.file, kernel, stamp);
  return reportOf(facts, { ...boot, root, memoryMib });
}

/** The initrd that is named, else the kernel's own. */
function openInitrd({ initrd, target, root }: BootKernelInput): HeldFile | undefined {
  if (initrd !== undefined) return requireInitrd(initrd);
  const { installed } = target;
  if (installed === undefined || root === "initramfs") return undefined;
  const has = fileDigest(installed.manifest, bundleNames.initrd) !== undefined;
  return has ? requireInitrd(path.join(installed.treeDirectory, bundleNames.initrd)) : undefined;
}

function requireInitrd(initrd: string): HeldFile {
  const stats = lookThrough(initrd);
  if (stats === undefined) throw new BangerError("not-found", `there is no initrd ${initrd}`);
  const held = stats.isFile() ? HeldFile.open(realPath(initrd)) : undefined;
  if (held !== undefined && stats.size > 0 && stats.size <= maxInitrdBytes) return held;
  held?.[Symbol.dispose]();
  const found = stats.isFile() ? `it has ${stats.size} bytes` : "it is no regular file";
  throw new BangerError("wrong-image", `${initrd} cannot be an initrd: ${found}`);
}

/** The kernel, what it unpacks from its initrd, and room to work in. */
function memoryFor(facts: KernelFacts, initrd: HeldFile | undefined): number {
  const initrdBytes = initrd?.sizeBytes ?? 0;
  const neededMib = Math.ceil((2 * facts.memoryBytes + 6 * initrdBytes) / 2 ** 20);
  return Math.max(leastMemoryMib, 128 * Math.ceil((neededMib + 64) / 128));
}

/** QEMU waits for ever, and Firecracker says little, when the kernel does not fit. */
function requireRoom({ memoryBytes }: KernelFacts, memoryMib: number): void {
  const neededMib = Math.ceil(memoryBytes / 2 ** 20);
  if (memoryMib > neededMib) return;
  throw new BangerError("usage", `--mem is ${memoryMib}, the kernel alone takes ${neededMib} MiB`, {
    hint: "without --mem it gets what it needs",
  });
}

function reportOf(
  facts: KernelFacts,
  boot: GuestBoot & Pick<BootReport, "vmm" | "root" | "memoryMib">,
): BootReport {
  const { run, console, wallMs, vmm, vmmVersion, root, memoryMib } = boot;
  const probes = judgeBoot(run, facts, judgeKernel(facts));
  const fault = root === "disk" ? undefined : initrdFault(console);
  const proven = isProven(probes) && fault === undefined;
  const { startedUs } = run.report;
  return {
    facts,
    vmm,
    vmmVersion,
    root,
    memoryMib,
    proven,
    probes,
    kernelMs: startedUs === undefined ? undefined : Math.round(startedUs / 1000),
    wallMs: Math.round(wallMs),
    cause: proven ? undefined : (fault ?? causeOf(boot, probes)),
    console: consoleTail(console),
  };
}

/** When the guest has come to its end, its own answers say the most. */
function causeOf({ run, console }: GuestBoot, probes: readonly ProbeResult[]): string {
  const failed = probes.filter(({ status }) => status === "fail");
  if (!run.report.done || failed.length === 0) {
    return likelyCause(console, run.end, run.report, run.answered);
  }
  return `these fail: ${failed.map(({ id, detail }) => `${id} (${detail})`).join(", ")}`;
}
