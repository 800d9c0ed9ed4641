import { isKernelVersion, type KernelVersion } from "./kernel-version.ts";

/**
 * The version that a kernel's top-level Makefile gives itself.
 *
 * @returns undefined when it does not have the four lines at its head.
 * @example
 * makefileVersion("VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 60\nEXTRAVERSION =\n"); // "6.12.60"
 */
export function makefileVersion(text: string): KernelVersion | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}[ \\t]*=(.*)$`, "m").exec(text)?.[1]?.trim();
  const version = `${value("VERSION")}.${value("PATCHLEVEL")}.${value("SUBLEVEL")}${value("EXTRAVERSION") ?? ""}`;
  return isKernelVersion(version) ? version : undefined;
}
