/** What `image register` takes for a root filesystem, with filesystems of the real tools. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { loopDeviceObstacle } from "../support/loop-device.ts";
import { testUnless } from "../support/obstacles.ts";
import {
  fileSystemObstacle,
  madeFileSystems,
  makeFileSystem,
} from "../support/root-file-systems.ts";
import { type ChildResult, Sandbox } from "../support/sandbox.ts";

const limitMs = 60_000;
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  sandbox.writeCatalog([sandbox.bundle()]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
});
afterAll(() => sandbox.dispose());

function register(rootfs: string, name = "web"): Promise<ChildResult> {
  const words = ["image", "register", "--json", "--force", "--name", name, "--rootfs", rootfs];
  return sandbox.banger([...words, "--kernel-ref", "generic-6.12"]);
}
const work = (name: string): string => join(sandbox.work, name);

describe("image register", () => {
  for (const kind of madeFileSystems) {
    testUnless(
      fileSystemObstacle(kind),
      `takes a file with ${kind} on it`,
      async () => {
        makeFileSystem(kind, work(kind));
        expect(documentOf(await register(kind, kind))).toMatchObject({
          file_system: kind,
          rootfs: work(kind),
          problem: null,
        });
        requireExit(await sandbox.banger(["image", "config", kind]));
      },
      limitMs,
    );
  }

  for (const kind of madeFileSystems) {
    testUnless(
      fileSystemObstacle(kind),
      `refuses a file with ${kind} on it that has lost its last bytes`,
      async () => {
        const file = work(`cut-${kind}`);
        makeFileSystem(kind, file);
        // Some end up to a page before the file does.
        truncateSync(file, statSync(file).size - 8192);
        const document = documentOf(await register(file), 4);
        expect(textAt(document, "error.message")).toMatch(/is cut short: it has \d+ bytes/);
      },
      limitMs,
    );
  }

  for (const kind of ["ext4", "squashfs"] as const) {
    testUnless(
      loopDeviceObstacle() ?? fileSystemObstacle(kind),
      `takes a block device with ${kind} on it`,
      async () => {
        const name = `disk-${kind}`;
        makeFileSystem(kind, work(name));
        const device = losetup(["-f", "--show", work(name)]).trim();
        try {
          const document = documentOf(await register(device, name));
          expect(document).toMatchObject({ file_system: kind, rootfs: device, problem: null });
          const { stdout } = requireExit(await sandbox.banger(["image", "config", name]));
          expect(stdout).toContain(`"path_on_host": "${device}"`);
        } finally {
          losetup(["-d", device]);
        }
      },
      limitMs,
    );
  }

  test("takes a filesystem in a file that others may write to, or nobody", async () => {
    makeFileSystem("ext4", work("modes"));
    for (const mode of ["0666", "0400"]) {
      spawnSync("chmod", [mode, work("modes")]);
      documentOf(await register("modes"));
    }
  });

  test.each<[string, (file: string) => void, RegExp]>([
    ["an empty file", (file) => writeFileSync(file, ""), /holds no root filesystem/],
    ["a file of zeros", (file) => zeros(file), /holds no root filesystem/],
    [
      "a disk with partitions",
      (file) => {
        zeros(file);
        const bytes = readFileSync(file);
        bytes.set([0x80, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 64, 0, 0], 446);
        bytes.set([0x55, 0xaa], 510);
        writeFileSync(file, bytes);
      },
      /holds no root filesystem/,
    ],
    ["a cpio archive", (file) => writeFileSync(file, "070701".repeat(400)), /holds no/],
    ["a text file", (file) => writeFileSync(file, "<!doctype html>404"), /holds no/],
    ["a folder", (file) => spawnSync("mkdir", [file]), /is a folder/],
    ["a FIFO", (file) => spawnSync("mkfifo", [file]), /neither a file nor a block device/],
  ])("refuses %s, with exit 4", async (what, make, message) => {
    const name = what.replaceAll(" ", "-");
    make(work(name));
    const before = sandbox.snapshot();
    const document = documentOf(await register(name), 4);
    expect(textAt(document, "error.message")).toMatch(message);
    expect(textAt(document, "error.hint")).toMatch(/mke2fs|first byte/);
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("refuses a file that is cut in its superblock", async () => {
    makeFileSystem("ext4", work("cut"));
    truncateSync(work("cut"), 1050);
    documentOf(await register("cut"), 4);
    expect(existsSync(work("cut"))).toBe(true);
  });
});

function zeros(file: string): void {
  writeFileSync(file, "");
  truncateSync(file, 1_048_576);
}

function losetup(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("losetup", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`losetup ${args.join(" ")}: ${stderr}`);
  return stdout;
}
