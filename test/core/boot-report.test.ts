import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  consoleTail,
  likelyCause,
  type MachineEnd,
  type StartedInit,
  startedInit,
} from "../../src/core/boot-cause.ts";
import { type BootProbe, type GuestRun, isProven, judgeBoot } from "../../src/core/boot-probes.ts";
import { readGuestReport } from "../../src/core/guest-report.ts";
import { judgeNeeds } from "../../src/core/firecracker-needs.ts";
import { judgeTags } from "../../src/core/feature-tags.ts";
import { parseKconfig } from "../../src/core/kconfig.ts";
import type { KernelVerdicts } from "../../src/core/kernel-facts.ts";

const spoken = [
  "[    2.9] Run /sbin/init as init process\r",
  "banger-guest 1\r",
  "banger-fact started_us 2991073\r",
  "banger-fact realtime_us 1795731761868126\r",
  "banger-fact release 6.12.117\r",
  "banger-fact machine x86_64\r",
  "banger-fact clocksource tsc\r",
  "banger-fact memory_kib 219756\r",
  "banger-probe root pass /dev/root / ext4\r",
  "banger-probe block pass 4096 bytes\r",
  "banger-probe config pass /proc/config.gz\r",
  "banger-probe network pass 10.0.2.2 answers\r",
  "banger-probe vsock pass loopback\r",
  "banger-probe entropy pass virtio_rng.0\r",
  "banger-done\r",
].join("\n");

const without = (name: string): string =>
  spoken.replace(new RegExp(`banger-probe ${name} pass`), `banger-probe ${name} fail`);

const cause = (console: string, end: MachineEnd, answered = false): string =>
  likelyCause(console, end, readGuestReport(console), answered);

const exit = (exitCode: number, stderr = ""): MachineEnd => ({ kind: "exit", exitCode, stderr });

function verdicts(config: string | undefined): KernelVerdicts {
  const known =
    config === undefined
      ? undefined
      : {
          symbols: parseKconfig(config, "test"),
          arch: "x86_64" as const,
          hasModules: false,
        };
  return { needs: judgeNeeds(known), tags: judgeTags(known), hardening: undefined };
}

function judged(changes: Partial<GuestRun> & { readonly console?: string }, config?: string) {
  const run: GuestRun = {
    end: exit(0),
    report: readGuestReport(changes.console ?? spoken),
    spoke: true,
    answered: true,
    memoryMib: 256,
    hostTimeUs: 1_795_731_761_000_000,
    notTestable: new Set(),
    ...changes,
  };
  const results = judgeBoot(run, { config: undefined, hasModules: false }, verdicts(config));
  return { results, proven: isProven(results), of: new Map(results.map((one) => [one.id, one])) };
}

describe("the guest's report", () => {
  test("is read from between whatever else is on the console", () => {
    expect(readGuestReport(`noise\n${spoken}\n[ 3.2] reboot: Power down`)).toMatchObject({
      started: true,
      done: true,
      startedUs: 2_991_073,
      release: "6.12.117",
      memoryKib: 219_756,
    });
  });

  test("counts the first of two answers, and no broken line", () => {
    const report = readGuestReport(
      "banger-probe a fail x\nbanger-probe a pass\nbanger-probe b maybe\n",
    );
    expect([...report.answers]).toEqual([["a", { passed: false, words: "x" }]]);
    expect(report.started).toBe(false);
  });

  test("is read from any text without harm", () => {
    fc.assert(fc.property(fc.string(), (text) => !readGuestReport(text).started));
  });
});

describe("a boot", () => {
  test("is proven when all passes", () => {
    const { results, proven } = judged({});
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "pass"));
    expect(proven).toBe(true);
  });

  test.each<[string, Partial<GuestRun>, BootProbe]>([
    ["the disk does not hold the answer", { answered: false }, "block"],
    ["the machine ends badly", { end: exit(1) }, "power-off"],
    ["the machine does not end", { end: { kind: "timeout", seconds: 60 } }, "power-off"],
    ["half of the memory is missing", { memoryMib: 512 }, "memory"],
    ["there is more memory than was given", { memoryMib: 128 }, "memory"],
    ["the clock is wrong", { hostTimeUs: 1_795_732_000_000_000 }, "clock"],
    ["nothing was said", { report: readGuestReport("") }, "root"],
  ])("is not proven when %s", (_what, changes, probe) => {
    const { proven, of } = judged(changes);
    expect(proven).toBe(false);
    expect(of.get(probe)?.status).toBe("fail");
  });

  test("of a kernel that is made without a driver is proven, and the probe does not pass", () => {
    const config = "CONFIG_VIRTIO_MMIO=y\nCONFIG_INET=y\n";
    const { proven, of } = judged({ console: without("network") }, config);
    expect(proven).toBe(true);
    expect(of.get("network")).toMatchObject({
      status: "absent",
      detail: "not in the kernel: VIRTIO_NET",
    });
    const has = judged({ console: without("network") }, `${config}CONFIG_VIRTIO_NET=y\n`);
    expect([has.proven, has.of.get("network")?.status]).toEqual([false, "fail"]);
    const unknown = judged({ console: without("network") });
    expect([unknown.proven, unknown.of.get("network")?.status]).toEqual([false, "fail"]);
  });

  test("of a kernel without a loopback on a host without a device does not test vsock", () => {
    const { proven, of } = judged({ console: without("vsock") }, "CONFIG_VSOCKETS=y\n");
    expect([proven, of.get("vsock")?.status]).toEqual([true, "not-testable"]);
  });

  test("does not count what the host cannot try", () => {
    const { proven, of } = judged({
      console: without("network"),
      notTestable: new Set(["network"]),
    });
    expect([proven, of.get("network")?.status]).toEqual([true, "not-testable"]);
  });

  test("of a kernel that starts in 1970 has no clock", () => {
    const console = spoken.replace(/realtime_us \d+/, "realtime_us 12345");
    expect(judged({ console }).of.get("clock")?.status).toBe("absent");
  });
});

describe("the likely cause", () => {
  const late: MachineEnd = { kind: "timeout", seconds: 60 };

  test.each<[string, string, MachineEnd, string]>([
    ["no root", 'VFS: Cannot open root device "/dev/vda"', exit(0), "it found no root device"],
    [
      "a root that never comes",
      "Waiting for root device /dev/vda...",
      late,
      "it found no root device",
    ],
    [
      "no init",
      "Kernel panic - not syncing: No working init found.",
      exit(0),
      "it could not start init",
    ],
    ["a panic", "Kernel panic - not syncing: oh dear\r\n", exit(0), "it panicked: oh dear"],
    ["a bug", "BUG: unable to handle page fault", late, "it has a bug: BUG: unable"],
    ["silence", "\n", late, "it said nothing in 60 s"],
    ["a sudden end", "", exit(0), "it stopped before it said anything"],
    [
      "a machine that does not run",
      "",
      exit(1, "qemu: bad\nqemu: worse"),
      "the virtual machine did not run: qemu: worse",
    ],
    ["a hang", "hello", late, "it did not answer in 60 s: it did not come to init"],
    ["a hang in init", "banger-guest 1\n", late, "it did not answer in 60 s: its init ran"],
    ["an early end", "hello", exit(0), "it ended before init ran"],
  ])("of %s", (_what, console, end, words) => {
    expect(cause(console, end)).toStartWith(words);
  });

  test("of silence with an answer on the disk is the console", () => {
    expect(cause("", exit(0), true)).toStartWith("it runs, and says nothing");
  });
});

test("the tail of a console has its last 40 lines, and no empty one", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\r\n\r\n`).join("");
  const tail = consoleTail(lines);
  expect([tail.length, tail[0], tail.at(-1)]).toEqual([40, "line 60", "line 99"]);
});

describe("the init that the kernel started", () => {
  test.each<[string, StartedInit | undefined]>([
    [
      "[    2.500000] Run /sbin/init as init process\r\nhello",
      { path: "/sbin/init", kernelMs: 2500 },
    ],
    ["Run /init as init process\n", { path: "/init", kernelMs: undefined }],
    [
      "[ 1.0] Run /init as init process\n[ 2.0] Run /sbin/init as init process\n",
      { path: "/sbin/init", kernelMs: 2000 },
    ],
    ["", undefined],
    [
      "Run /sbin/init as init process\nKernel panic - not syncing: Attempted to kill init!",
      undefined,
    ],
    ["Run /bin/sh as init process\nKernel panic - not syncing: No working init found.", undefined],
  ])("of %j", (console, init) => {
    expect(startedInit(console)).toEqual(init);
  });
});
