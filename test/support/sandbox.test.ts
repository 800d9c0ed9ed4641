import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sandbox, smallKernel, tarOf, zstdOf } from "./sandbox.ts";

// A stand-in: `sh -c "$1"` with what a run of the real executable gets.
const scratch = mkdtempSync(join(tmpdir(), "banger-sandbox-test-"));
const standIn = join(scratch, "banger");
const outer = process.env["BANGER_EXE"];
let sandbox = new Sandbox();

beforeAll(() => {
  writeFileSync(standIn, '#!/bin/sh\nscript=$1; shift; eval "$script"\n');
  chmodSync(standIn, 0o755);
  process.env["BANGER_EXE"] = standIn;
});

afterEach(async () => {
  await sandbox.dispose();
  sandbox = new Sandbox();
});

afterAll(async () => {
  await sandbox.dispose();
  rmSync(scratch, { recursive: true });
  if (outer === undefined) {
    delete process.env["BANGER_EXE"];
  } else {
    process.env["BANGER_EXE"] = outer;
  }
});

test("a run has a clean environment, an empty home and the variables that were set", async () => {
  process.env["BANGER_LEAK"] = "1";
  sandbox.writeCatalog([]);
  sandbox.useMirrors();
  const run = await sandbox.banger(["env; ls -A $HOME; pwd"], {
    env: { EXTRA: "e", PATH: "/bin" },
  });
  delete process.env["BANGER_LEAK"];
  const lines = run.stdout
    .trim()
    .split("\n")
    .filter((line) => !/^(?:_|PWD|OLDPWD|SHLVL)=/.test(line))
    .sort();
  const { folder } = sandbox;
  expect(lines).toEqual([
    sandbox.work,
    `BANGER_CATALOG=${folder}/catalog.json`,
    `BANGER_MIRRORS=${folder}/mirror`,
    `BANGER_STATE_DIR=${folder}/state`,
    "EXTRA=e",
    `HOME=${folder}/home`,
    "PATH=/bin",
    `TMPDIR=${folder}/tmp`,
  ]);
});

test("a run reports exit code, both outputs, and passes stdin on", async () => {
  const run = await sandbox.banger(["cat; echo oh >&2; exit 4"], { stdin: "in" });
  expect(run).toMatchObject({ exitCode: 4, signal: null, stdout: "in", stderr: "oh\n" });
  expect(run.durationMs).toBeGreaterThan(0);
});

test("a run that shows a stack trace or an internal error rejects", async () => {
  for (const bad of [
    "    at pull (/x/y.js:1:2)",
    "internal error",
    "panic: oh",
    "see src/ops/pull.ts:12",
  ]) {
    for (const to of ["1", "2"]) {
      const run = sandbox.banger([`echo "${bad}" >&${to}`]);
      expect(run).rejects.toThrow("shows a bug");
      await Promise.allSettled([run]);
    }
  }
});

test("a run that hangs is killed with all its children, and rejects with its output", async () => {
  const run = sandbox.banger(["echo begun; (sleep 60) & sleep 60"], { timeoutMs: 300 });
  const [outcome] = await Promise.allSettled([run]);
  expect(String(outcome.status === "rejected" && outcome.reason)).toMatch(
    /still running after 300 ms[^]*stdout: begun/,
  );
});

test("a started run can be waited for, signalled and aborted", async () => {
  const run = sandbox.start([
    "trap 'exit 130' INT; echo downloading >&2; while :; do sleep 0.02; done",
  ]);
  await run.waitForStderr(/downloading/);
  expect(run.ended).toBe(false);
  run.kill("SIGINT");
  expect(await run.done).toMatchObject({ exitCode: 130 });
  expect(run.waitForStderr(/never/)).rejects.toThrow("the process ended before stderr matched");

  const aborted = sandbox.banger(["exec sleep 60"], { signal: AbortSignal.timeout(50) });
  expect(await aborted).toMatchObject({ exitCode: null, signal: "SIGTERM" });
});

test("a run in a pipe sees its reader leave, and a full or closed stdout", async () => {
  const piped = await sandbox.bangerInShell(["exec yes"], "| head -n 1");
  expect(piped).toMatchObject({ exitCode: 141, stdout: "y\n" });
  const full = await sandbox.bangerInShell(["/bin/echo a"], ">/dev/full");
  expect(full).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("No space left") });
  expect((await sandbox.bangerInShell(["/bin/echo a"], ">&-")).exitCode).toBe(1);
});

test("a run on a terminal sees its width, and words with spaces and quotes arrive whole", async () => {
  const script = 'test -t 1 && test -t 2 && stty size; echo "$1"; exit 6';
  const run = await sandbox.bangerOnTerminal([script, "it's a word"], { columns: 40 });
  expect(run).toMatchObject({ exitCode: 6, stdout: "24 40\r\nit's a word\r\n" });
});

test("a sandbox that is disposed kills what still runs and leaves nothing", async () => {
  const own = new Sandbox();
  const run = own.start(["echo up >&2; sleep 60"]);
  await run.waitForStderr(/up/);
  await own.dispose();
  expect((await run.done).signal).toBe("SIGKILL");
  expect(existsSync(own.folder)).toBe(false);
});

test("a bundle is what its entry says, and holds plain names in order", async () => {
  const kernel = smallKernel();
  const files = {
    vmlinux: kernel,
    "modules/6.12.1/a.ko": "a",
    "modules/6.12.1/latest": { link: "a.ko" },
  };
  const entry = sandbox.bundle({ files });
  const path = sandbox.bundlePath(entry);
  const packed = readFileSync(path);
  expect(entry).toMatchObject({
    name: "generic-6.12",
    distro: "generic",
    arch: "x86_64",
    kernel_version: "6.12.1",
    tarball_sha256: createHash("sha256").update(packed).digest("hex"),
    size_bytes: packed.length,
  });
  expect(entry.tarball_url).toBe(
    `https://kernels.invalid/generic-6.12-x86_64-${entry.tarball_sha256.slice(0, 12)}.tar.zst`,
  );
  const tar = spawnSync("zstd", ["-dc", path]).stdout;
  expect(tar.length).toBe(entry.unpacked_bytes);
  expect(tar).toEqual(Buffer.from(tarOf(files)));
  const listed = spawnSync("tar", ["-tvf", "-"], { input: tar, encoding: "utf8" }).stdout;
  expect(listed.replaceAll(/ +/g, " ").trim().split("\n")).toEqual([
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 modules/",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 modules/6.12.1/",
    "-rw-r--r-- 0/0 1 1970-01-01 00:00 modules/6.12.1/a.ko",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 modules/6.12.1/latest -> a.ko",
    "-rw-r--r-- 0/0 65536 1970-01-01 00:00 vmlinux",
  ]);
});

test("a bundle can be any bytes, and its entry can lie", () => {
  const entry = sandbox.bundle({ tar: new Uint8Array(3), entry: { size_bytes: 7 } });
  expect(entry).toMatchObject({ unpacked_bytes: 3, size_bytes: 7 });
  const broken = sandbox.bundle({ zst: zstdOf(new Uint8Array(9)).subarray(0, 8), arch: "arm64" });
  expect(broken).toMatchObject({ size_bytes: 8, arch: "arm64" });
  expect(tarOf({})).toHaveLength(10_240);
});

test("small kernels are what file(1) and readelf take for kernels, and differ by seed", () => {
  const path = join(scratch, "vmlinux");
  writeFileSync(path, smallKernel({ version: "6.12.9" }));
  const headers = spawnSync("readelf", ["-hlW", path], { encoding: "utf8" });
  expect(headers.stderr).toBe("");
  expect(headers.stdout).toMatch(/Type: +EXEC[^]*X86-64[^]*LOAD +0x001000 0xffffffff81000000/);
  expect(readFileSync(path, "latin1")).toContain("Linux version 6.12.9 (");
  const image = smallKernel({ arch: "arm64", sizeBytes: 100_000 });
  expect(Buffer.from(image).toString("latin1", 0x38, 0x3c)).toBe("ARM\x64");
  expect(image).toHaveLength(100_000);
  expect(smallKernel({ seed: 1 })).toEqual(smallKernel({ seed: 1 }));
  expect(smallKernel({ seed: 1 })).not.toEqual(smallKernel({ seed: 2 }));
});

test("a snapshot tells every change but not times, and can leave out locks and parts", () => {
  const file = (name: string): string => join(sandbox.state, name);
  expect(sandbox.snapshot()).toEqual({});
  mkdirSync(file("kernels/.store/x"), { recursive: true, mode: 0o755 });
  writeFileSync(file("kernels/.store/x/vmlinux"), "abc", { mode: 0o644 });
  symlinkSync(".store/x", file("kernels/generic"));
  const before = sandbox.snapshot();
  expect(Object.keys(before)).toEqual([
    "kernels",
    "kernels/.store",
    "kernels/.store/x",
    "kernels/.store/x/vmlinux",
    "kernels/generic",
  ]);
  expect(before["kernels/generic"]).toBe("link -> .store/x");
  expect(before["kernels/.store/x/vmlinux"]).toMatch(
    /^file 0644 3 bytes sha256:ba7816bf[0-9a-f]+$/,
  );

  for (const name of ["kernels/.lock", "kernels/ab.part", "kernels/ab.part.json"]) {
    writeFileSync(file(name), "");
  }
  mkdirSync(file("kernels/.parts/z"), { recursive: true });
  expect(sandbox.snapshot()).not.toEqual(before);
  expect(sandbox.snapshot({ withoutLocksAndParts: true })).toEqual(before);
  writeFileSync(file("kernels/.store/x/vmlinux"), "abd");
  expect(sandbox.snapshot({ withoutLocksAndParts: true })).not.toEqual(before);
  expect(sandbox.snapshot({ leaveOut: /^kernels/ })).toEqual({});
});

test("a catalog file names its entries and serial", () => {
  const entry = sandbox.bundle();
  const path = sandbox.writeCatalog([entry], { serial: 3 });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    version: 1,
    serial: 3,
    updated: expect.stringMatching(/^20\d\d-[^.]*Z$/),
    entries: [entry],
  });
  expect(statSync(sandbox.bundlePath(entry)).size).toBe(entry.size_bytes);
});
