import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BangerError } from "../../src/core/errors.ts";
import { HeldFile } from "../../src/io/held-file.ts";
import { decompress, unpackTar } from "../../src/io/source-archive.ts";

let folder = "";
const { signal } = new AbortController();
const options = { variables: process.env, signal, maxBytes: 2 ** 20 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-archive-"));
  mkdirSync(join(folder, "linux-6.12.60/scripts"), { recursive: true });
  writeFileSync(join(folder, "linux-6.12.60/Makefile"), "VERSION = 6\n");
  writeFileSync(join(folder, "linux-6.12.60/scripts/run"), "#!/bin/sh\n", { mode: 0o755 });
  mkdirSync(join(folder, "work"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(program: string, ...args: readonly string[]): void {
  const end = spawnSync(program, args, { cwd: folder });
  if (end.status !== 0) throw new Error(end.stderr.toString());
}

function makeTar(file: string, ...args: readonly string[]): string {
  run("tar", "-caf", file, ...args);
  return join(folder, file);
}

function open(file: string): HeldFile {
  const held = HeldFile.open(file);
  if (held === undefined) throw new Error(`there is no file ${file}`);
  return held;
}

async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Unpacks a tarball into `work/tree`. */
async function unpack(file: string, given: typeof options = options): Promise<string> {
  using tarball = open(file);
  using tar = await decompress(tarball, join(folder, "work"), given);
  return unpackTar(tar, join(folder, "work/tree"), given);
}

describe("a source tarball", () => {
  test.each(["a.tar", "a.tar.xz", "a.tar.gz", "a.tar.zst"])("is unpacked from %s", async (name) => {
    const tree = await unpack(makeTar(name, "linux-6.12.60"));
    expect(tree).toBe(join(folder, "work/tree/linux-6.12.60"));
    expect(readFileSync(join(tree, "Makefile"), "utf8")).toBe("VERSION = 6\n");
    expect(readdirSync(join(folder, "work"))).toEqual(["tree"]);
  });

  test("keeps its times, but not its owners and not all of its modes", async () => {
    chmodSync(join(folder, "linux-6.12.60/scripts/run"), 0o6777);
    const owner = ["--owner=12345", "--group=12345", "--mtime=@1700000000"];
    const tree = await unpack(makeTar("a.tar", ...owner, "linux-6.12.60"));
    const { mode, uid, mtimeMs } = statSync(join(tree, "scripts/run"));
    expect([mode & 0o7777 & ~0o022, uid, mtimeMs]).toEqual([0o755, process.getuid?.() ?? 0, 17e11]);
  });

  test("is read by the tools as they are, whatever their variables say", async () => {
    const variables = {
      ...process.env,
      TAR_OPTIONS: "--exclude=*",
      XZ_OPT: "--bad",
      GZIP: "--bad",
    };
    const tree = await unpack(makeTar("a.tar.xz", "linux-6.12.60"), { ...options, variables });
    expect(existsSync(join(tree, "Makefile"))).toBe(true);
  });

  test("that is swapped once it is open is not the one that is unpacked", async () => {
    const file = makeTar("a.tar", "linux-6.12.60");
    mkdirSync(join(folder, "evil"));
    using tarball = open(file);
    using tar = await decompress(tarball, join(folder, "work"), options);
    rmSync(file);
    makeTar("a.tar", "evil");
    expect(await unpackTar(tar, join(folder, "work/tree"), options)).toEndWith("/linux-6.12.60");
  });

  test("has no name once it is decompressed, so that nobody can swap it", async () => {
    using tarball = open(makeTar("a.tar.xz", "linux-6.12.60"));
    using tar = await decompress(tarball, join(folder, "work"), options);
    expect(readdirSync(join(folder, "work"))).toEqual([]);
    expect(statSync(`/proc/self/fd/${tar.descriptor}`).nlink).toBe(0);
  });
});

function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
}

function cut(file: string): void {
  writeFileSync(file, readFileSync(file).subarray(0, -20));
}

function addLargeFile(): void {
  writeFileSync(join(folder, "linux-6.12.60/big"), Buffer.alloc(2 ** 21));
}

describe("a source is refused, and leaves nothing behind, when it", () => {
  test.each<[string, () => string, string]>([
    [
      "is no tarball",
      () => join(folder, "linux-6.12.60/Makefile"),
      "verification-failed: the source is none of",
    ],
    [
      "is damaged",
      () => {
        const file = makeTar("a.tar.xz", "linux-6.12.60");
        flip(file);
        return file;
      },
      "verification-failed: cannot decompress the source: xz: ",
    ],
    [
      "is cut",
      () => {
        const file = makeTar("a.tar.gz", "linux-6.12.60");
        cut(file);
        return file;
      },
      "verification-failed: cannot decompress the source: ",
    ],
    [
      "unpacks to too much",
      () => {
        addLargeFile();
        return makeTar("a.tar.xz", "linux-6.12.60");
      },
      "verification-failed: the source unpacks to more than 1048576 bytes",
    ],
    [
      "has two folders at its top",
      () => {
        mkdirSync(join(folder, "other"));
        return makeTar("a.tar", "linux-6.12.60", "other");
      },
      "unsafe-archive: the source has linux-6.12.60, other at its top, expected one folder",
    ],
    [
      "has a file at its top",
      () => makeTar("a.tar", "-C", "linux-6.12.60", "Makefile"),
      "unsafe-archive: the source has Makefile at its top, no folder",
    ],
    [
      "has a link at its top",
      () => {
        run("ln", "-s", "linux-6.12.60", "link");
        return makeTar("a.tar", "link");
      },
      "unsafe-archive: the source has link at its top, no folder",
    ],
    [
      "reaches up",
      () => makeTar("a.tar", "--transform=s,^linux.*Makefile,x/../../up,", "linux-6.12.60"),
      "unsafe-archive: cannot unpack the source: tar: ",
    ],
  ])("%s", async (_, make, message) => {
    const file = make();
    expect(await outcome(() => unpack(file))).toStartWith(message);
    expect(readdirSync(join(folder, "work"))).toEqual([]);
  });
});
