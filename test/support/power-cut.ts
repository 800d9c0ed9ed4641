/** The power of a mounted file system, taken away and given back. Root only. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * What of the last moments is lost: all that was not synced; or only contents that were not synced,
 * while all changes of names are on the disk. The second tears what relies on luck.
 */
export const losses = ["names and contents", "contents"] as const;
export type Loss = (typeof losses)[number];

/**
 * Takes the power from an ext4 or xfs file system, also beneath a program that runs: from now on
 * nothing reaches the disk, and its calls fail with EIO.
 *
 * @param folder where it is mounted.
 */
export function shutDown(folder: string, loss: Loss): void {
  must("xfs_io", "-x", "-c", loss === "contents" ? "shutdown -f" : "shutdown", folder);
}

/** Mounts what was shut down again, so that its journal is replayed. Nobody may use it. */
export async function powerUp(folder: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const [device = "", , type = ""] =
    mounts.map((line) => line.split(" ")).find(([, place]) => place === folder) ?? [];
  must("umount", folder);
  // Another mount namespace may still have it; mounted now, it would be the one that was shut down.
  const endMs = performance.now() + 20_000;
  while (existsSync(`/sys/fs/${type}/${basename(device)}`)) {
    if (performance.now() > endMs) throw new Error(`${device} is still mounted somewhere`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  must("mount", device, folder);
}

/** Takes the power away and gives it back. */
export async function cutPower(folder: string, loss: Loss): Promise<void> {
  shutDown(folder, loss);
  await powerUp(folder);
}

/** Makes all of a file system durable. */
export function syncAll(folder: string): void {
  must("sync", "-f", folder);
}

function must(file: string, ...args: readonly string[]): void {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
  const { status, stderr } = spawnSync(file, args, { encoding: "utf8", env });
  if (status !== 0) {
    throw new Error(`${file} ${args.join(" ")} exited with ${String(status)}: ${stderr}`);
  }
}
