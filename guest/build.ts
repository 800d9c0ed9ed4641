/**
 * Builds the guest, with Debian's compilers and e2fsprogs: called by make guest. The same sources and tools
 * give the same bytes.
 *
 * usage: build.ts FOLDER
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const compilers = {
  x86_64: "x86_64-linux-gnu-gcc",
  arm64: "aarch64-linux-gnu-gcc",
} as const;

const compilerFlags = [
  ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-nostdlib", "-ffreestanding"],
  ["-fno-builtin", "-fno-stack-protector", "-fno-pie", "-no-pie"],
  ["-fno-asynchronous-unwind-tables", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-s"],
].flat();

const blockBytes = 4096;
const imageBlocks = 64;
/** Everything in the guest is of this moment: 2026-01-01. */
const epoch = "1767225600";
const uuid = "62616e67-6572-4e00-8000-000000000001";

/** Two blocks that src/boot/guest-disk.ts finds by their text: the nonce goes into the first. */
const scratch = Buffer.concat([
  Buffer.alloc(blockBytes, "banger-nonce\n"),
  Buffer.alloc(blockBytes, "banger-answer\n"),
]);

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", E2FSPROGS_FAKE_TIME: epoch },
  });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
}

function compile(compiler: string, output: string): void {
  run(compiler, [...compilerFlags, "-o", output, join(import.meta.dirname, "init.c")]);
}

/** An ext4 image with the init, and the scratch file. */
function makeImage(init: string, folder: string, output: string): void {
  const scratchFile = join(folder, "scratch");
  writeFileSync(scratchFile, scratch);
  const features = [
    "has_journal",
    "resize_inode",
    "64bit",
    "metadata_csum",
    "dir_index",
    "huge_file",
  ];
  run(
    "mke2fs",
    [
      ["-q", "-F", "-t", "ext4", "-b", String(blockBytes), "-N", "24", "-m", "0", "-U", uuid],
      ["-O", features.map((feature) => `^${feature}`).join(",")],
      ["-E", `hash_seed=${uuid},root_owner=0:0,lazy_itable_init=0`, output, String(imageBlocks)],
    ].flat(),
  );
  const commands = [
    ...["dev", "proc", "sys", "sbin"].map((name) => `mkdir ${name}`),
    `write ${init} sbin/init`,
    "set_inode_field sbin/init mode 0100755",
    `write ${scratchFile} scratch`,
    "set_inode_field scratch mode 0100644",
    ...["sbin/init", "scratch"].flatMap((name) =>
      ["uid", "gid"].map((field) => `set_inode_field ${name} ${field} 0`),
    ),
    ...["/", "dev", "proc", "sys", "sbin", "sbin/init", "scratch", "lost+found"].flatMap((name) =>
      ["atime", "ctime", "mtime", "crtime"].map(
        (field) => `set_inode_field ${name} ${field} @${epoch}`,
      ),
    ),
  ];
  const script = join(folder, "debugfs");
  writeFileSync(script, `${commands.join("\n")}\n`);
  run("debugfs", ["-w", "-f", script, output]);
  run("e2fsck", ["-f", "-n", output]);
}

/**
 * A cpio archive of the "newc" format, as the kernel unpacks it.
 *
 * @see https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */
function cpio(
  entries: readonly {
    readonly name: string;
    readonly mode: number;
    readonly data?: Buffer;
    readonly device?: readonly [number, number];
  }[],
): Buffer {
  const parts: Buffer[] = [];
  const push = (bytes: Buffer): void => {
    parts.push(bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4));
  };
  const all = [...entries, { name: "TRAILER!!!", mode: 0 }];
  for (const [index, { name, mode, data = Buffer.alloc(0), device = [0, 0] }] of all.entries()) {
    const owner = [0, 0];
    const onDisk = [0, 0];
    const fields = [index + 1, mode, ...owner, 1, Number(epoch), data.length, ...onDisk];
    const head = [...fields, ...device, name.length + 1, 0]
      .map((field) => field.toString(16).padStart(8, "0"))
      .join("");
    push(Buffer.from(`070701${head}${name}\0`));
    push(data);
  }
  return Buffer.concat(parts);
}

/** Builds all files of the guest into a folder. */
export function buildGuest(output: string): void {
  const folder = mkdtempSync(join(tmpdir(), "banger-guest-"));
  try {
    mkdirSync(output, { recursive: true });
    for (const [arch, compiler] of Object.entries(compilers)) {
      const init = join(folder, `init-${arch}`);
      compile(compiler, init);
      makeImage(init, folder, join(output, `${arch}.ext4`));
      const initramfs = cpio([
        { name: "dev", mode: 0o040755 },
        { name: "dev/console", mode: 0o020600, device: [5, 1] },
        { name: "init", mode: 0o100755, data: readFileSync(init) },
      ]);
      writeFileSync(join(output, `${arch}.cpio`), initramfs);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [output] = process.argv.slice(2);
  if (output === undefined) throw new Error("usage: build.ts FOLDER");
  buildGuest(output);
}
