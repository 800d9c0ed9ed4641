/** What processes leave behind that is no file: themselves, and locks. */
import { readdirSync, readFileSync, statSync } from "node:fs";

/** Processes with this in their environment, as `PID: COMMAND`. */
export function processesWith(variable: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => textOf(`/proc/${pid}/environ`).split("\0").includes(variable))
    .map((pid) => `${pid}: ${textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()}`);
}

/** Lines of /proc/locks of files on the file system of a folder. */
export function locksOn(folder: string): readonly string[] {
  const { dev } = statSync(folder);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const device = [major, minor].map((part) => part.toString(16).padStart(2, "0")).join(":");
  return textOf("/proc/locks")
    .split("\n")
    .filter((line) => line.includes(` ${device}:`));
}

/** Of a process that may be gone, or be none of ours. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
