import path from "node:path";
import { bootImageOnce } from "../boot/boot-image.ts";
import type { WantedVmm } from "../boot/choose-vmm.ts";
import type { Vmm } from "../boot/machine.ts";
import { consoleTail, likelyCause, type StartedInit, startedInit } from "../core/boot-cause.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import { defaultBootArgs } from "../core/firecracker-config.ts";
import { readGuestReport } from "../core/guest-report.ts";
import { fileDigest } from "../core/manifest.ts";
import { HeldFile } from "../io/held-file.ts";
import { temporaryFolder } from "../io/private-folder.ts";
import type { Context } from "./context.ts";
import { holdKernel } from "./hold-kernel.ts";
import type { InspectedImage } from "./image-inspect.ts";
import { requireFileSystem } from "./root-file-system.ts";
import { withVmm } from "./with-vmm.ts";

export interface BootImageInput {
  readonly image: InspectedImage;
  readonly vmm: WantedVmm;
  readonly memoryMib: number;
  readonly timeoutS: number;
}

/** What the boot of an image came to. */
export interface ImageBootReport {
  readonly vmm: Vmm;
  /** Undefined: it did not come to an init that runs. */
  readonly init: StartedInit | undefined;
  readonly wallMs: number;
  readonly cause: string | undefined;
  /** The last lines of the console. */
  readonly console: readonly string[];
}

/**
 * Boots an image's own root filesystem until its init runs. Nothing is written to it.
 *
 * @throws {BangerError} what keeps the image from being started; `failed`, when there is no monitor; `io`; the
 * signal's reason. A boot that fails is no error: see the report.
 */
export async function bootImage(context: Context, input: BootImageInput): Promise<ImageBootReport> {
  const { record, kernel, problem } = input.image;
  if (problem !== undefined) throw problem;
  if (kernel === undefined) throw new Error(`${record.name} has neither a kernel nor a problem`);
  const { arch } = record.kernel;
  using _held = holdKernel(kernel);
  const hasInitrd = fileDigest(kernel.manifest, bundleNames.initrd) !== undefined;
  const { name } = record;
  requireFileSystem(record.rootfs);
  // QEMU keeps there what the guest writes.
  HeldFile.nameless(temporaryFolder())[Symbol.dispose]();
  const { vmm, end, console, wallMs } = await withVmm(
    context,
    { name, arch, vmm: input.vmm },
    (candidate, silenceMs) =>
      bootImageOnce(
        candidate,
        {
          arch,
          kernel: path.join(kernel.treeDirectory, bundleNames.kernel),
          initrd: hasInitrd ? path.join(kernel.treeDirectory, bundleNames.initrd) : undefined,
          disk: record.rootfs,
          diskIsReadOnly: true,
          memoryMib: input.memoryMib,
          without: new Set(),
          // Quiet or not, the kernel tells which init it starts.
          bootArgs: [record.boot_args ?? defaultBootArgs[arch], "loglevel=7"],
        },
        {
          variables: context.environment.variables,
          signal: context.signal,
          timeoutMs: input.timeoutS * 1000,
          silenceMs,
          isEnough: (text) => startedInit(text) !== undefined,
        },
      ),
  );
  const init = startedInit(console);
  const cause =
    init === undefined ? likelyCause(console, end, readGuestReport(console), false) : undefined;
  return { vmm, init, wallMs: Math.round(wallMs), cause, console: consoleTail(console) };
}
