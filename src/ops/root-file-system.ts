import { BangerError } from "../core/errors.ts";
import {
  fileSystemBytes,
  fileSystemHeadBytes,
  identifyFileSystem,
  type RootFileSystem,
} from "../core/root-file-system.ts";
import { lookThrough } from "../io/files.ts";
import { readHead } from "../io/read-range.ts";

/**
 * Which filesystem is on a file or block device.
 *
 * @throws {BangerError} `wrong-image`, when it is none that a kernel mounts as its root, or cut short; `io`.
 */
export function requireFileSystem(rootfs: string): RootFileSystem {
  const stats = lookThrough(rootfs);
  if (stats === undefined) {
    throw new BangerError("io", `there is no root filesystem ${rootfs}`, {
      hint: "docs/rootfs.md tells where to get a root filesystem",
    });
  }
  if (!stats.isFile() && !stats.isBlockDevice()) {
    const what = stats.isDirectory() ? "a folder" : "neither a file nor a block device";
    throw new BangerError("wrong-image", `${rootfs} is ${what}, not a root filesystem`, {
      hint: "a folder becomes one by: mke2fs -t ext4 -d FOLDER rootfs.ext4 512M",
    });
  }
  const head = readHead(rootfs, fileSystemHeadBytes);
  const fileSystem = identifyFileSystem(head);
  if (fileSystem !== undefined) {
    const neededBytes = fileSystemBytes(head, fileSystem);
    if (!stats.isFile() || stats.size >= neededBytes) return fileSystem;
    throw new BangerError(
      "wrong-image",
      `${rootfs} is cut short: it has ${stats.size} bytes, its ${fileSystem} takes ${neededBytes}`,
      { hint: "copy or download it again" },
    );
  }
  throw new BangerError("wrong-image", `${rootfs} holds no root filesystem that banger knows`, {
    hint: "ext2, ext3, ext4, squashfs, erofs, xfs and btrfs are known; the filesystem must begin at the first byte, so take it out of a disk image with partitions first",
  });
}
