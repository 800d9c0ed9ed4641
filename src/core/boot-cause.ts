import type { GuestReport } from "./guest-report.ts";

/** How a virtual machine came to its end. */
export type MachineEnd =
  | { readonly kind: "exit"; readonly exitCode: number; readonly stderr: string }
  | { readonly kind: "timeout"; readonly seconds: number }
  /** We had seen enough. */
  | { readonly kind: "stopped" };

const maxTailLines = 40;
const maxTailLineLength = 1000;

/** The last lines of a console, without what is empty. */
export function consoleTail(console: string): string[] {
  const lines = console.split("\n").map((line) => line.replaceAll("\r", ""));
  return lines
    .filter((line) => line.trim() !== "")
    .slice(-maxTailLines)
    .map((line) =>
      line.length > maxTailLineLength ? `${line.slice(0, maxTailLineLength)}…` : line,
    );
}

/**
 * What stood on the console when something typical went wrong, and what that means. The first that fits
 * counts. Each is bounded: a guest may write millions of beginnings.
 */
const causes: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /((?:EXT[234]-fs error|EXT[234]-fs \(\S{1,20}\): (?:VFS: Can't find|bad geometry|\S{1,40} corrupt)|SQUASHFS error|XFS \(\S{1,20}\): (?:Corruption|Metadata|SB validate|last sector)|BTRFS error|erofs: \(device \S{1,20}\): invalid)[^\r\n]{0,200})/,
    ([, text]) => `its root filesystem is damaged or cut short: ${text ?? ""}`,
  ],
  [
    /VFS: (?:Cannot open root device|Unable to mount root fs)|Waiting for root device/,
    () =>
      "it found no root device: a driver for the disk (VIRTIO_BLK, VIRTIO_MMIO) or its filesystem (EXT4_FS) is not in the kernel",
  ],
  [
    /No working init found|Requested init \S{1,200} failed/,
    () => "it could not start init from the root filesystem",
  ],
  [
    /Gave up waiting for root|ALERT! {1,4}\S{1,200} does not exist|dracut[^\r\n]{0,200}Could not boot/,
    () => "its initrd did not find the root device",
  ],
  [
    /Out of memory and no killable processes|System is deadlocked on memory|Initramfs unpacking failed: write error/,
    () => "it ran out of memory: give it more with --mem",
  ],
  [/Kernel panic - not syncing: ([^\r\n]{1,200})/, ([, text]) => `it panicked: ${text ?? ""}`],
  [/(BUG: [^\r\n]{1,200}|Oops: [^\r\n]{1,200})/, ([, text]) => `it has a bug: ${text ?? ""}`],
];

/**
 * The likely cause of a boot that failed.
 *
 * @param answered whether the disk holds the guest's answer.
 */
export function likelyCause(
  console: string,
  end: MachineEnd,
  report: GuestReport,
  answered: boolean,
): string {
  const machineFault = end.kind === "exit" && end.exitCode !== 0 ? faultOf(end) : undefined;
  if (console.trim() === "") {
    if (machineFault !== undefined) return `the virtual machine did not run: ${machineFault}`;
    if (answered) {
      return "it runs, and says nothing: the kernel has no driver for the console (SERIAL_8250_CONSOLE, PRINTK, TTY), or console= is not in its arguments";
    }
    return end.kind === "timeout"
      ? `it said nothing in ${end.seconds} s: it hangs before it has a console, has no driver for it (SERIAL_8250_CONSOLE, PRINTK, TTY), or its arguments name none (console=)`
      : "it stopped before it said anything: the image is damaged, or not for this machine";
  }
  for (const [pattern, words] of causes) {
    const match = pattern.exec(console);
    if (match !== null) return words(match);
  }
  if (end.kind === "timeout") {
    const where = report.started ? "its init ran, and did not end" : "it did not come to init";
    return `it did not answer in ${end.seconds} s: ${where}`;
  }
  if (machineFault !== undefined) return `the virtual machine failed: ${machineFault}`;
  return report.started ? "what it was tried with did not all work" : "it ended before init ran";
}

/**
 * Why a kernel went on without its initrd: it is none, or damaged, or has no init.
 *
 * @see https://github.com/torvalds/linux/blob/master/init/initramfs.c do_populate_rootfs
 * @see https://github.com/torvalds/linux/blob/master/init/main.c kernel_init_freeable
 */
export function initrdFault(console: string): string | undefined {
  const found =
    /(?:Initramfs unpacking failed: |rootfs image is not initramfs \()([^\r\n;)]{1,200})/.exec(
      console,
    );
  if (found !== null) return `it could not unpack its initrd: ${found[1] ?? ""}`;
  // The first program that a kernel starts is that of the initrd, when it has one.
  const [first] = console.matchAll(initLine);
  const isOwn = first === undefined || first[2] === "/init";
  return isOwn ? undefined : "its initrd has no /init, and had no part in the boot";
}

/** What the monitor said last, or how it ended. */
function faultOf({ exitCode, stderr }: Extract<MachineEnd, { kind: "exit" }>): string {
  const words = stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  if (words !== "") return words;
  return exitCode > 128 ? `signal ${exitCode - 128} ended it` : `it ended with ${exitCode}`;
}

/** The program that the kernel started as init, and when. */
export interface StartedInit {
  readonly path: string;
  /** Milliseconds from the start of the kernel; undefined when its log has no times. */
  readonly kernelMs: number | undefined;
}

const initLine = /^(?:\[ *(\d{1,6}\.\d{1,6})\] )?Run (\/\S{1,200}) as init process/gm;
const initFailure =
  /No working init found|Requested init \S+ failed|Attempted to kill init|Kernel panic - not syncing/;

/** The init that runs, as the kernel's log says; undefined when none does, or it has ended in a panic. */
export function startedInit(console: string): StartedInit | undefined {
  if (initFailure.test(console)) return undefined;
  const last = [...console.matchAll(initLine)].at(-1);
  if (last === undefined) return undefined;
  const [, seconds, path = ""] = last;
  return { path, kernelMs: seconds === undefined ? undefined : Math.round(Number(seconds) * 1000) };
}
