import path from "node:path";
import { BangerError } from "../core/errors.ts";

/** Debian's package of a program, where it is not the one of its name. */
const packages: Readonly<Record<string, string>> = {
  prlimit: "util-linux",
  "qemu-system-aarch64": "qemu-system-arm",
  "qemu-system-x86_64": "qemu-system-x86",
  setpriv: "util-linux",
  xz: "xz-utils",
};

/** The package of Debian that has a program. */
export function packageOf(program: string): string {
  return packages[program] ?? program;
}

/** The error for a program that is not installed, with how to get it. */
export function missingProgram(program: string, cause?: unknown): BangerError {
  return new BangerError("failed", `there is no program ${program} on this machine`, {
    hint: `on Debian: apt-get install ${packageOf(path.basename(program))}`,
    cause,
  });
}
