/** Where a kernel's time to init goes, as it tells itself with `initcall_debug`. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { median } from "./measure.ts";

/** Milliseconds on the guest's clock, by what they were spent in. */
export type BootProfile = ReadonlyMap<string, number>;

/** What is before the first initcall of do_initcalls(): memory, interrupts, scheduler, console. */
const beforeInitcalls = "before initcalls";

const initramfs = resolve(import.meta.dirname, "../guest/x86_64.cpio");

/** Boots a kernel so many times. @returns medians */
export function bootProfile(kernel: string, runs: number): BootProfile {
  const profiles = Array.from({ length: runs }, () => profileOf(bootVerbosely(kernel)));
  const names = new Set(profiles.flatMap((profile) => [...profile.keys()]));
  return new Map(
    [...names].map((name) => [name, median(profiles.map((profile) => profile.get(name) ?? 0))]),
  );
}

/**
 * What the difference between two kernels is made of.
 *
 * @param wholeMs what counts as ten tenths.
 * @param differenceMs how much later ours is there, without `initcall_debug`.
 * @returns `init_kprobe_trace 5.0, before initcalls 1.5, …, everything else 1.2`: tenths, the most first.
 */
export function tenthsOf(
  ours: BootProfile,
  rival: BootProfile,
  wholeMs: number,
  differenceMs: number,
): string {
  const named = [...ours]
    .map(([name, ms]) => ({ name, ms: ms - (rival.get(name) ?? 0) }))
    .filter(({ ms }) => ms >= wholeMs / 50)
    .sort((a, b) => b.ms - a.ms);
  const otherMs = named.reduce((rest, { ms }) => rest - ms, differenceMs);
  return [...named, { name: "everything else", ms: otherMs }]
    .map(({ name, ms }) => `${name} ${((ms / wholeMs) * 10).toFixed(1)}`)
    .join(", ");
}

function bootVerbosely(kernel: string): string {
  const machine = "-M microvm,acpi=on,rtc=on -cpu max -accel tcg -m 256 -serial stdio";
  const bare = "-nodefaults -no-user-config -display none -no-reboot";
  const append = "console=ttyS0 initcall_debug ignore_loglevel tsc_early_khz=2500000 panic=-1";
  const files = ["-kernel", kernel, "-initrd", initramfs, "-append", append];
  const { stdout, error } = spawnSync(
    "qemu-system-x86_64",
    [...`${machine} ${bare}`.split(" "), ...files],
    { encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "ignore"] },
  );
  if (error !== undefined) throw error;
  return stdout;
}

/** @see Documentation/admin-guide/kernel-parameters.txt of Linux, initcall_debug */
function profileOf(console: string): BootProfile {
  const profile = new Map<string, number>();
  const start = /^\[ *(\d+\.\d+)\] smp: Brought up/m.exec(console)?.[1];
  if (start === undefined) throw new Error(`a kernel says nothing of its start:\n${console}`);
  profile.set(beforeInitcalls, Number(start) * 1000);
  for (const [, name = "", micros] of console.matchAll(
    /\] initcall (\w+)\+\S+ returned -?\d+ after (\d+) usecs/g,
  )) {
    profile.set(name, (profile.get(name) ?? 0) + Number(micros) / 1000);
  }
  return profile;
}
