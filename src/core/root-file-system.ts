/** The file systems that a root image of ours can have, by their `rootfstype=` name. */
export type RootFileSystem = "ext2" | "ext3" | "ext4" | "squashfs" | "erofs" | "xfs" | "btrfs";

/** How many bytes from the start of an image `identifyFileSystem` and `fileSystemBytes` want to see. */
export const fileSystemHeadBytes: number = 0x1_00d9;

const extSuperblock = 0x400;
const btrfsSuperblock = 0x1_0000;
/** Of a block of 64 KiB, over one of 1 KiB. */
const extMaxBlockShift = 6;
const extWide = 0x80;
const extJournal = 0x4;
const extJournalDevice = 0x8;
// filetype, recover, meta_bg; sparse_super, large_file, btree_dir: all that ext3 mounts.
const ext3Incompatible = 0x2 | 0x4 | 0x10;
const ext3ReadOnly = 0x1 | 0x2 | 0x4;

/**
 * Says which file system an image holds, by the magic in its superblock. Never throws.
 *
 * @param head the first `fileSystemHeadBytes` bytes, or the whole of a shorter file; what lies past
 *   its end is not recognized.
 * @returns undefined for all else, among it partitioned disks and external ext journals.
 * @see https://docs.kernel.org/filesystems/ext4/super.html
 * @see https://docs.kernel.org/filesystems/squashfs.html
 * @see https://docs.kernel.org/filesystems/erofs.html
 * @see https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#superblock
 */
export function identifyFileSystem(head: Uint8Array): RootFileSystem | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const u32 = (at: number): number => (at + 4 <= head.length ? view.getUint32(at, true) : 0);
  if (u32(0) === 0x7371_7368) return "squashfs"; // "hsqs"
  if (u32(0) === 0x4253_4658) return "xfs"; // "XFSB"
  if (u32(1024) === 0xe0f5_e1e2) return "erofs";
  if (u32(0x1_0040) === 0x5248_425f && u32(0x1_0044) === 0x4d5f_5366) return "btrfs"; // "_BHRfS_M"
  if (head.length >= 0x468 && view.getUint16(0x438, true) === 0xef53) {
    // Larger blocks no kernel mounts, and nobody can tell how many bytes they have.
    if (u32(0x418) > extMaxBlockShift) return undefined;
    return extGeneration(u32(0x45c), u32(0x460), u32(0x464));
  }
  return undefined;
}

/** The oldest of the three that can mount a file system with these feature flags. */
function extGeneration(
  compatible: number,
  incompatible: number,
  readOnly: number,
): "ext2" | "ext3" | "ext4" | undefined {
  if ((incompatible & extJournalDevice) !== 0) return undefined;
  if ((incompatible & ~ext3Incompatible) !== 0 || (readOnly & ~ext3ReadOnly) !== 0) return "ext4";
  return (compatible & extJournal) === 0 ? "ext2" : "ext3";
}

/**
 * How many bytes of a device the file system lies on, as its superblock tells. A kernel refuses to
 * mount one on a device that is smaller. Never throws.
 *
 * @param head as for `identifyFileSystem`, which said `kind` of it.
 * @returns 0 when the superblock is cut; exact below 2^53.
 */
export function fileSystemBytes(head: Uint8Array, kind: RootFileSystem): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const has = (at: number, length: number): boolean => at + length <= head.length;
  const u32 = (at: number): number => (has(at, 4) ? view.getUint32(at, true) : 0);
  const u64 = (at: number): number => u32(at) + u32(at + 4) * 2 ** 32;
  switch (kind) {
    case "squashfs":
      return u64(40);
    case "erofs":
      return u32(extSuperblock + 36) * 2 ** (u32(extSuperblock + 12) & 0xff);
    case "xfs":
      return has(4, 12) ? view.getUint32(4) * Number(view.getBigUint64(8)) : 0;
    case "btrfs":
      // Of this device: there may be others.
      return u64(btrfsSuperblock + 0xd1);
    default: {
      const isWide = (u32(extSuperblock + 0x60) & extWide) !== 0;
      const high = isWide ? u32(extSuperblock + 0x150) * 2 ** 32 : 0;
      return (high + u32(extSuperblock + 4)) * 2 ** (10 + u32(extSuperblock + 0x18));
    }
  }
}
