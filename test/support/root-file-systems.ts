/** Small root filesystems, made with the real tools. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const searchPath = "/usr/sbin:/usr/bin:/sbin:/bin";
const mebibyte = 1_048_576;

/** Each filesystem that banger knows, and how to make the smallest one of `file`. */
const makers = {
  ext2: { tool: "mkfs.ext2", package: "e2fsprogs", args: ["-q", "-F"], sizeMib: 4 },
  ext3: { tool: "mkfs.ext3", package: "e2fsprogs", args: ["-q", "-F"], sizeMib: 8 },
  ext4: { tool: "mkfs.ext4", package: "e2fsprogs", args: ["-q", "-F"], sizeMib: 8 },
  xfs: { tool: "mkfs.xfs", package: "xfsprogs", args: ["-q", "-f"], sizeMib: 320 },
  btrfs: { tool: "mkfs.btrfs", package: "btrfs-progs", args: ["-q", "-f"], sizeMib: 128 },
  squashfs: {
    tool: "mksquashfs",
    package: "squashfs-tools",
    args: ["-noappend"],
    sizeMib: undefined,
  },
  erofs: { tool: "mkfs.erofs", package: "erofs-utils", args: ["--quiet"], sizeMib: undefined },
} as const;

export type MadeFileSystem = keyof typeof makers;

/** All that {@link makeFileSystem} knows. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a literal
export const madeFileSystems = Object.keys(makers) as readonly MadeFileSystem[];

/** Why it cannot be made here, or `undefined` if it can. */
export function fileSystemObstacle(kind: MadeFileSystem): string | undefined {
  const { tool, package: from } = makers[kind];
  return searchPath.split(":").some((folder) => existsSync(join(folder, tool)))
    ? undefined
    : `${tool} is missing; run: apt-get install ${from}`;
}

/** Makes a filesystem with two files in it, or an empty one; the image is sparse. */
export function makeFileSystem(kind: MadeFileSystem, file: string): void {
  const { tool, args, sizeMib } = makers[kind];
  if (sizeMib !== undefined) {
    writeFileSync(file, "");
    truncateSync(file, sizeMib * mebibyte);
    run(tool, [...args, file]);
    return;
  }
  const tree = mkdtempSync(join(tmpdir(), "banger-rootfs-"));
  try {
    writeFileSync(join(tree, "init"), "#!/bin/sh\n");
    writeFileSync(join(tree, "content"), randomBytes(0x1_0000));
    run(tool, kind === "erofs" ? [...args, file, tree] : [tree, file, ...args]);
  } finally {
    rmSync(tree, { recursive: true });
  }
}

function run(tool: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(tool, args, {
    encoding: "utf8",
    env: { PATH: searchPath, LC_ALL: "C" },
  });
  if (status !== 0) {
    throw new Error(`${tool} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
  }
}
