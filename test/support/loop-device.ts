/** A real file system in an image file, whose power can be cut. Root only. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const tools = ["losetup", "mount", "umount", "mkfs.ext4", "mkfs.xfs", "xfs_io"] as const;
const searchPath = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Why this machine cannot do it, or `undefined` if it can. */
export function loopDeviceObstacle(): string | undefined {
  if (process.getuid?.() !== 0) {
    return "only root can mount a file system";
  }
  for (const tool of tools) {
    if (!searchPath.split(":").some((folder) => existsSync(join(folder, tool)))) {
      return `${tool} is missing; run: apt-get install mount e2fsprogs xfsprogs`;
    }
  }
  const { status, stderr } = call("losetup", ["-f"]);
  return status === 0 ? undefined : `no loop device can be had: ${stderr.trim()}`;
}

/** Whether {@link LoopDevice.create} can work here; {@link loopDeviceObstacle} says why not. */
export function canUseLoopDevices(): boolean {
  return loopDeviceObstacle() === undefined;
}

/**
 * @example
 * using device = LoopDevice.create("ext4");
 * writeFileSync(join(device.folder, "a"), "x");
 * device.shutdown(); // what was not synced is lost
 * device.remount();
 */
export class LoopDevice implements Disposable {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #place: string;
  readonly #device: string;
  readonly #watchdog: ReturnType<typeof watch>;
  #disposed = false;

  private constructor(place: string, folder: string, device: string) {
    this.#place = place;
    this.folder = folder;
    this.#device = device;
    this.#watchdog = watch(folder, device, place);
  }

  /** Default size: 512 MiB, sparse; xfs wants at least 300. */
  static create(
    fileSystem: "ext4" | "xfs",
    options: { readonly sizeMib?: number } = {},
  ): LoopDevice {
    const place = mkdtempSync(join(tmpdir(), "banger-loop-"));
    const folder = join(place, "mnt");
    try {
      const image = join(place, "image");
      writeFileSync(image, "");
      truncateSync(image, (options.sizeMib ?? 512) * 1_048_576);
      mkdirSync(folder);
      must(`mkfs.${fileSystem}`, ["-q", image]);
      const device = must("losetup", ["-f", "--show", image]).trim();
      const created = new LoopDevice(place, folder, device);
      try {
        must("mount", [device, folder]);
      } catch (error) {
        created.dispose();
        throw error;
      }
      return created;
    } catch (error) {
      rmSync(place, { recursive: true, force: true });
      throw error;
    }
  }

  /** As if the power went: nothing more reaches the image, not even the journal. Later calls get EIO. */
  shutdown(): void {
    must("xfs_io", ["-x", "-c", "shutdown", this.folder]);
  }

  /** Unmounts and mounts again; the journal is replayed. Nobody may use the folder. */
  remount(): void {
    must("umount", [this.folder]);
    must("mount", [this.#device, this.folder]);
  }

  /** Unmounts, detaches and removes the image. May be called twice. */
  dispose(): void {
    if (this.#disposed) {
      return;
    }
    this.#disposed = true;
    this.#watchdog.kill("SIGKILL"); // first: the device's number may soon be somebody else's
    if (call("umount", [this.folder]).status !== 0) {
      call("umount", ["-l", this.folder]);
    }
    call("losetup", ["-d", this.#device]);
    rmSync(this.#place, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Waits for the end of its stdin, which comes when we die, and then cleans up for us. */
function watch(folder: string, device: string, place: string): ReturnType<typeof spawn> {
  const script =
    'trap "" INT TERM HUP; cat >/dev/null; umount -l "$1"; losetup -d "$2"; rm -rf --one-file-system "$3"';
  const child = spawn("sh", ["-c", script, "sh", folder, device, place], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: { PATH: searchPath },
  });
  child.unref();
  return child;
}

function call(
  file: string,
  args: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(file, args, { encoding: "utf8", env: { PATH: searchPath, LC_ALL: "C" } });
}

function must(file: string, args: readonly string[]): string {
  const { status, stdout, stderr } = call(file, args);
  if (status !== 0) {
    throw new Error(`${file} ${args.join(" ")} exited with ${String(status)}: ${stderr}`);
  }
  return stdout;
}
