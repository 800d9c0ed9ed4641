/** `kernel boot`: what it says of boots that fail, each for a reason of its own. The kernel is the catalog's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { bootLimitMs, probesOf } from "../support/boots.ts";
import { gone, until } from "../support/processes.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");
const kernel = "generic-6.12:x86_64";

let sandbox: Sandbox;
let vmlinux = "";

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors(join(repository, "bundles"));
  requireExit(await sandbox.banger(["kernel", "pull", kernel, "generic-6.12:arm64"]));
  vmlinux = (await sandbox.banger(["kernel", "path", kernel, "vmlinux"])).stdout.trim();
});
afterAll(() => sandbox.dispose());

async function boot(exitCode: number, ...args: readonly string[]): Promise<unknown> {
  const words = ["kernel", "boot", ...args, "--json"];
  return documentOf(await sandbox.banger(words, { timeoutMs: bootLimitMs }), exitCode);
}

const failing = (document: unknown): string[] =>
  [...probesOf(document)].filter(([, status]) => status !== "pass").map(([id]) => id);

describe("a device that is taken away makes its own probe fail, and no other:", () => {
  test.each([
    ["disk", ["--without", "disk", "--root", "initramfs"], "block"],
    ["network", ["--without", "network"], "network"],
    ["entropy", ["--without", "entropy"], "entropy"],
    ["vsock", ["--boot-args", "initcall_blacklist=vsock_loopback_init"], "vsock"],
  ])(
    "%s",
    async (_device, args, probe) => {
      const document = await boot(1, kernel, ...args);
      expect(failing(document)).toEqual([probe]);
      expect(document).toMatchObject({ proven: false });
      expect(textAt(document, "cause")).toStartWith(`these fail: ${probe} (`);
    },
    bootLimitMs,
  );
});

describe("a boot fails with its reason:", () => {
  test.each([
    ["no driver for the disk", "initcall_blacklist=virtio_blk_init", "it found no root device"],
    ["no driver for the console", "8250.nr_uarts=0", "it runs, and says nothing"],
    ["no init", "init=/nowhere", "it could not start init"],
    ["too little memory", "mem=64M", "it ran out of memory"],
  ])(
    "%s",
    async (_what, bootArgs, cause) => {
      const document = await boot(1, kernel, "--boot-args", bootArgs);
      expect(textAt(document, "cause")).toStartWith(cause);
      expect(valueAt(document, "proven")).toBe(false);
    },
    bootLimitMs,
  );

  test("no disk", async () => {
    const document = await boot(1, kernel, "--without", "disk");
    expect(textAt(document, "cause")).toStartWith("it found no root device");
    const console = valueAt(document, "console");
    expect(Array.isArray(console) && console.length).toBe(40);
  }, 300_000);

  test("an init that panics the kernel, and one that hangs", async () => {
    const panics = await boot(1, kernel, "--initrd", initrd("panics", "return 7;"));
    expect(textAt(panics, "cause")).toStartWith("it panicked: Attempted to kill init! exitcode=");
    const words = ["--initrd", initrd("hangs", sleeps), "--timeout", "12"];
    const hangs = await boot(1, kernel, ...words);
    expect(textAt(hangs, "cause")).toMatch(/^it did not answer in \d+ s: /);
    expect(textAt(hangs, "probes.9.detail")).toMatch(/^still running after/);
  }, 300_000);

  test("an initrd that is none, or damaged, which the kernel passes over", async () => {
    const whole = readFileSync(initrd("whole", "return 7;"));
    const damaged = gzipSync(whole);
    damaged.fill(0xff, 100);
    const garbage = [Buffer.from("root:x:0:0\n".repeat(100)), damaged];
    const none = join(sandbox.work, "none");
    mkdirSync(none);
    run(none, ["sh", "-c", "touch file && echo file | busybox cpio -o -H newc > ../initrd-none"]);
    const withoutInit = await boot(1, kernel, "--initrd", join(sandbox.work, "initrd-none"));
    expect(textAt(withoutInit, "cause")).toStartWith("its initrd has no /init");
    for (const [index, bytes] of garbage.entries()) {
      const file = join(sandbox.work, `garbage-${index}`);
      writeFileSync(file, bytes);
      const document = await boot(1, kernel, "--initrd", file);
      expect(document).toMatchObject({ proven: false });
      expect(textAt(document, "cause")).toMatch(/^it could not unpack its initrd: \S+/);
    }
  }, 300_000);

  test("a kernel whose code is damaged", async () => {
    const bytes = readFileSync(vmlinux);
    // From the first instruction of the 64-bit entry on.
    bytes.fill(0xcc, 0x20_0000, 0x21_0000);
    const file = join(sandbox.work, "damaged");
    writeFileSync(file, bytes);
    const document = await boot(1, file, "--timeout", "20");
    expect(textAt(document, "cause")).toMatch(/^it (?:said nothing|stopped before it said)/);
    expect(valueAt(document, "console")).toEqual([]);
  }, 300_000);

  test("a kernel that is only a head and a banner", async () => {
    const file = join(sandbox.work, "small");
    writeFileSync(file, smallKernel());
    expect(await boot(1, file, "--timeout", "10")).toMatchObject({ proven: false });
  }, 300_000);
});

describe("what cannot be booted is refused:", () => {
  test("an arm64 kernel on x86_64, a text, and no file", async () => {
    const { stdout } = await sandbox.banger(["kernel", "path", "generic-6.12:arm64", "vmlinux"]);
    const document = await boot(4, stdout.trim(), "--arch", "x86_64");
    expect(textAt(document, "error.message")).toContain("is an arm64 Image");
    await boot(4, "/etc/passwd");
    await boot(3, "./nothing");
    await boot(3, kernel, "--initrd", "./nothing");
  });

  test("anything, where there is no QEMU", async () => {
    const tools = join(sandbox.folder, "tools");
    mkdirSync(tools);
    symlinkSync("/usr/bin/setpriv", join(tools, "setpriv"));
    const words = ["kernel", "boot", kernel];
    const { stderr } = requireExit(await sandbox.banger(words, { env: { PATH: tools } }), 1);
    expect(stderr).toContain("there is no program qemu-system-x86_64 on this machine");
    expect(stderr).toContain("hint: on Debian: apt-get install qemu-system-x86");
    const fire = await sandbox.banger([...words, "--vmm", "firecracker"], { env: { PATH: tools } });
    expect(requireExit(fire, 1).stderr).toContain("there is no program firecracker");
  });

  test.each([
    ["--vmm", "vmware"],
    ["--root", "nfs"],
    ["--mem", "1"],
    ["--mem", "32"],
    ["--timeout", "0"],
    ["--without", "soul"],
    ["--boot-args", "a\nb"],
  ])("%s %j", async (flag, value) => {
    expect(textAt(await boot(2, kernel, flag, value), "error.message")).toContain(flag);
  });
});

describe("a QEMU that is not what it seems", () => {
  test("boots the kernel that was read, whatever takes its name meanwhile", async () => {
    const file = join(sandbox.work, "swapped");
    copyFileSync(vmlinux, file);
    writeFileSync(`${file}.new`, smallKernel());
    const real = 'exec /usr/bin/qemu-system-x86_64 "$@"';
    const swap = fake("swap", `[ "$1" = --version ] || mv ${file}.new ${file}\n${real}`);
    const words = ["kernel", "boot", file, "--json"];
    const options = { env: { PATH: swap }, timeoutMs: bootLimitMs };
    expect(documentOf(await sandbox.banger(words, options))).toMatchObject({ proven: true });
    expect(readFileSync(file).equals(Buffer.from(smallKernel()))).toBe(true);
  }, 300_000);

  test.each([
    ["does not tell its version", "[ $1 = --version ] && exec sleep 100; exit 3", "ended with 3"],
    ["floods", "exec cat /dev/zero", "did not answer|said nothing|stopped|did not run|failed"],
  ])(
    "%s",
    async (name, script, cause) => {
      const env = { PATH: fake(name.replaceAll(" ", "-"), script) };
      const words = ["kernel", "boot", kernel, "--timeout", "2", "--json"];
      const result = await sandbox.banger(words, { env, timeoutMs: 60_000 });
      expect(textAt(documentOf(result, 1), "cause")).toMatch(new RegExp(cause));
      expect(result.stdout.length).toBeLessThan(100_000);
    },
    120_000,
  );
});

test("nothing stays behind of a boot, nor of one that is killed; and nobody removes its kernel meanwhile", async () => {
  const leftovers = (): string[] => readdirSync(join(sandbox.folder, "tmp"));
  await boot(0, kernel);
  expect(leftovers()).toEqual([]);
  const running = sandbox.start(["kernel", "boot", kernel, "--initrd", initrd("stays", sleeps)]);
  const qemu = await until("QEMU runs", () => qemuOf(running.pid));
  const removed = await sandbox.banger(["kernel", "rm", "--yes", kernel]);
  expect(requireExit(removed, 6).stderr).toContain("is being used by another banger");
  process.kill(running.pid, "SIGKILL");
  await gone(qemu);
  expect(leftovers()).toEqual([]);
}, 300_000);

/** A PATH whose QEMU is this script. */
function fake(name: string, script: string): string {
  const folder = join(sandbox.folder, name);
  mkdirSync(folder);
  const file = join(folder, "qemu-system-x86_64");
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${folder}:/usr/bin:/bin`;
}

/** The QEMU that a process has started. */
function qemuOf(parent: number): number | undefined {
  const { stdout } = spawnSync("ps", ["-o", "pid=,comm=", "--ppid", String(parent)], {
    encoding: "utf8",
  });
  const line = stdout.split("\n").find((text) => text.includes("qemu-system"));
  return line === undefined ? undefined : Number.parseInt(line, 10);
}

/** An initrd whose init does what the body of a function in C says. */
/** pause(2), for ever: a loop would keep a processor of the host busy. */
const sleeps = `for (;;) __asm__ volatile("syscall" :: "a"(34L) : "rcx", "r11", "memory");`;

function initrd(name: string, body: string): string {
  const folder = join(sandbox.work, name);
  mkdirSync(folder);
  const source = `static int act(void) { ${body} }
    __asm__(".globl _start\\n_start: call begin\\n");
    void begin(void) { long code = act(); __asm__ volatile("syscall" :: "a"(60L), "D"(code)); }`;
  writeFileSync(join(folder, "init.c"), source);
  const flags = ["-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"];
  const gcc = ["x86_64-linux-gnu-gcc", ...flags, "-o", "init", "init.c"];
  run(folder, gcc);
  run(folder, ["sh", "-c", "echo init | busybox cpio -o -H newc > ../initrd-" + name]);
  return join(sandbox.work, `initrd-${name}`);
}

function run(cwd: string, [program = "", ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}
