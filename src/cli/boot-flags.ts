import type { WantedVmm } from "../boot/choose-vmm.ts";
import type { Device, Vmm } from "../boot/machine.ts";
import { BangerError } from "../core/errors.ts";
import { wholeNumber } from "./app.ts";

/** A word that must be one of several. @throws {BangerError} `usage` */
export function oneOf<Word extends string>(
  words: readonly Word[],
  text: string,
  flag: string,
): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new BangerError(
    "usage",
    `${flag} is ${JSON.stringify(text)}, expected ${words.join(" or ")}`,
  );
}

/** `--vmm`. @throws {BangerError} `usage` */
export function vmmOf(text: string): WantedVmm {
  return oneOf<WantedVmm>(["auto", "firecracker", "qemu"], text, "--vmm");
}

/** `--mem`, in MiB. @throws {BangerError} `usage` */
export function memoryOf(text: string): number {
  const mib = wholeNumber(text, "--mem");
  if (mib >= 16 && mib <= 65_536) return mib;
  throw new BangerError("usage", `--mem is ${mib}, expected 16 to 65536 MiB`);
}

/** `--timeout`, in seconds. @throws {BangerError} `usage` */
export function timeoutOf(text: string): number {
  const timeoutS = wholeNumber(text, "--timeout");
  if (timeoutS >= 1 && timeoutS <= 3600) return timeoutS;
  throw new BangerError("usage", `--timeout is ${timeoutS}, expected 1 to 3600 seconds`);
}

/** `--boot-args`, added to others. @throws {BangerError} `usage` */
export function moreBootArgsOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[ -~]{0,1024}$/.test(text)) return text;
  throw new BangerError("usage", "--boot-args wants at most 1024 characters of printable ASCII");
}

/** `--without`. @throws {BangerError} `usage` */
export function devicesOf(text: string | undefined): ReadonlySet<Device> {
  const words = text === undefined ? [] : text.split(",").map((word) => word.trim());
  return new Set(
    words.map((word) => oneOf<Device>(["disk", "network", "entropy"], word, "--without")),
  );
}

/** A monitor in words: `QEMU microvm (tcg)`. */
export function vmmWords({ name, machine, accelerator }: Vmm): string {
  return name === "qemu" ? `QEMU ${machine} (${accelerator})` : "Firecracker";
}
