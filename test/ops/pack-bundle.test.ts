import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { BangerError } from "../../src/core/errors.ts";
import { parseKernelName } from "../../src/core/kernel-name.ts";
import { isKernelVersion, type KernelVersion } from "../../src/core/kernel-version.ts";
import { ZstdFrames } from "../../src/core/zstd-frames.ts";
import { packBundle, type PackInput } from "../../src/ops/pack-bundle.ts";
import { smallKernel } from "../support/small-kernel.ts";

let folder = "";
let from = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-pack-"));
  from = join(folder, "from");
  mkdirSync(from);
  writeFileSync(join(from, "vmlinux"), smallKernel({ version: "6.12.117" }));
  writeFileSync(join(from, "kernel.config"), "CONFIG_64BIT=y\n");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function version(text: string): KernelVersion {
  if (!isKernelVersion(text)) throw new Error(`${text} is no kernel version`);
  return text;
}

function input(changes: Partial<PackInput> = {}): PackInput {
  return {
    from,
    out: join(folder, "out"),
    name: parseKernelName("generic-6.12"),
    distro: "generic",
    arch: "x86_64",
    kernelVersion: version("6.12.117"),
    description: "for tests",
    signal: new AbortController().signal,
    ...changes,
  };
}

async function refusal(changes: Partial<PackInput> = {}): Promise<string> {
  try {
    await packBundle(input(changes));
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "packed";
}

/** What GNU tar lists, with owners, modes and times. */
function gnuList(file: string): string[] {
  const { stdout } = spawnSync("tar", ["--zstd", "--utc", "--numeric-owner", "-tvf", file], {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  return stdout.split("\n").slice(0, -1);
}

test("packing ends when it is told to, and leaves nothing", async () => {
  const controller = new AbortController();
  const kernel = smallKernel({ version: "6.12.117", sizeBytes: 24 * 2 ** 20 });
  writeFileSync(join(from, "vmlinux"), kernel);
  const reason = new BangerError("interrupted", "interrupted");
  const packing = packBundle(input({ signal: controller.signal }));
  setTimeout(() => {
    controller.abort(reason);
  }, 100);
  expect(await packing.catch((error: unknown) => error)).toBe(reason);
  expect(readdirSync(join(folder, "out"))).toEqual([]);
});

describe("packing a bundle", () => {
  test("writes a tarball that GNU tar reads and the entry that names it", async () => {
    const { file, entry } = await packBundle(input());
    const bytes = readFileSync(file);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    expect(basename(file)).toBe(`generic-6.12-x86_64-${sha256.slice(0, 12)}.tar.zst`);
    expect(entry).toMatchObject({
      tarball_url: `https://kernels.thaloco.com/${basename(file)}`,
      tarball_sha256: sha256,
      size_bytes: bytes.length,
      unpacked_bytes: 512 + 512 + 512 + 65_536 + 1024,
    });
    expect(gnuList(file).map((line) => line.replace(/ +/g, " "))).toEqual([
      "-rw-r--r-- 0/0 15 1970-01-01 00:00 kernel.config",
      "-rw-r--r-- 0/0 65536 1970-01-01 00:00 vmlinux",
    ]);
    const out = spawnSync("tar", ["--zstd", "-xOf", file, "vmlinux"]).stdout;
    expect(out.equals(readFileSync(join(from, "vmlinux")))).toBe(true);
    expect(readdirSync(join(folder, "out"))).toEqual([basename(file)]);
  });

  test("writes one frame that tells its size and carries a checksum, whatever the number of writes", async () => {
    for (const sizeBytes of [65_536, 131_072, (1 << 20) - 512, 1 << 20, 3_000_001]) {
      writeFileSync(join(from, "vmlinux"), smallKernel({ version: "6.12.117", sizeBytes }));
      const { file, entry } = await packBundle(input());
      const frames = new ZstdFrames({ windowBytes: 2 ** 25 });
      frames.push(readFileSync(file));
      expect(frames.end()).toMatchObject({
        frames: 1,
        contentBytes: entry.unpacked_bytes,
        checksummed: true,
      });
    }
  });

  test("gives the same bytes whatever the modes, times and order of the files", async () => {
    const first = await packBundle(input());
    const other = join(folder, "other");
    mkdirSync(other, { mode: 0o700 });
    for (const name of ["kernel.config", "vmlinux"].reverse()) {
      writeFileSync(join(other, name), readFileSync(join(from, name)));
      chmodSync(join(other, name), 0o4755);
      utimesSync(join(other, name), 1_000_000_000, 1_000_000_000);
    }
    const second = await packBundle(input({ from: other, out: join(folder, "out2") }));
    expect(second.entry).toEqual(first.entry);
    expect(readFileSync(second.file).equals(readFileSync(first.file))).toBe(true);
  });

  test("packs modules and their links, parents first and sorted", async () => {
    const release = join(from, "modules/6.12.117");
    mkdirSync(join(release, "kernel"), { recursive: true });
    writeFileSync(join(release, "kernel/b.ko"), "b");
    writeFileSync(join(release, "kernel/a.ko"), "");
    symlinkSync("kernel/a.ko", join(release, "link"));
    const { file } = await packBundle(input());
    expect(gnuList(file).map((line) => line.replace(/^.* 00:00 /, ""))).toEqual([
      "kernel.config",
      "modules/",
      "modules/6.12.117/",
      "modules/6.12.117/kernel/",
      "modules/6.12.117/kernel/a.ko",
      "modules/6.12.117/kernel/b.ko",
      "modules/6.12.117/link -> kernel/a.ko",
      "vmlinux",
    ]);
  });

  test.each([
    [
      "a file that bundles do not have",
      () => writeFileSync(join(from, "README"), ""),
      "unsafe-archive",
    ],
    ["no vmlinux", () => rmSync(join(from, "vmlinux")), "unsafe-archive"],
    [
      "a link that leaves the folder",
      () => {
        mkdirSync(join(from, "modules"));
        symlinkSync("../../x", join(from, "modules/build"));
      },
      "unsafe-archive",
    ],
    [
      "a FIFO",
      () => {
        mkdirSync(join(from, "modules"));
        spawnSync("mkfifo", [join(from, "modules/fifo")]);
      },
      "unsafe-archive",
    ],
    [
      "a kernel that is none",
      () => writeFileSync(join(from, "vmlinux"), "#!/bin/sh\n"),
      "wrong-image",
    ],
    [
      "a kernel for another architecture",
      () =>
        writeFileSync(join(from, "vmlinux"), smallKernel({ arch: "arm64", version: "6.12.117" })),
      "wrong-image",
    ],
    [
      "a kernel of another version",
      () => writeFileSync(join(from, "vmlinux"), smallKernel({ version: "6.12.116" })),
      "verification-failed",
    ],
  ])("refuses a folder with %s, and writes nothing", async (_, spoil, code) => {
    spoil();
    expect(await refusal()).toStartWith(`${code}: `);
    expect(() => readdirSync(join(folder, "out"))).toThrow();
  });

  test("says so when there is no such folder", async () => {
    expect(await refusal({ from: join(folder, "nowhere") })).toBe(
      `io: cannot pack ${folder}/nowhere: it is not a folder`,
    );
  });

  test("leaves nothing behind when it cannot write", async () => {
    writeFileSync(join(folder, "out"), "in the way");
    expect(await refusal()).toStartWith("io: ");
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("in the way");
  });
});
