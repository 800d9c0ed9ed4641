/**
 * Fault 26: the power goes at any moment of a command, on real ext4 and xfs file systems.
 *
 * `BANGER_POWER_CUTS=all` cuts at every call of a pull; the default is about fifteen moments.
 */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import {
  bundleFilesOf,
  KernelSandbox,
  kernelName,
  type Links,
  manyFilesOf,
} from "../support/kernel-state.ts";
import { LoopDevice } from "../support/loop-device.ts";
import { bangerOnMainThread, callOf, changesBelow } from "../support/main-thread.ts";
import { mountObstacle, testUnless } from "../support/obstacles.ts";
import { cutPower, type Loss, losses, syncAll } from "../support/power-cut.ts";
import type { BundleFiles } from "../support/sandbox.ts";

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const pull = ["kernel", "pull", kernelName];
const fileSystems = ["ext4", "xfs"] as const;
const timeoutMs = 600_000;

/** A machine whose store is on a file system of its own, with the older build installed. */
class PoweredMachine implements AsyncDisposable {
  readonly sandbox: KernelSandbox;
  readonly #device: LoopDevice;
  readonly #state: string;
  #putBack = (): void => {};

  private constructor(device: LoopDevice, filesOf: (version: string) => BundleFiles) {
    this.#device = device;
    this.#state = join(device.folder, "state");
    this.sandbox = new KernelSandbox({ state: this.#state, filesOf });
  }

  static async start(
    fileSystem: (typeof fileSystems)[number],
    filesOf = bundleFilesOf,
  ): Promise<PoweredMachine> {
    const machine = new PoweredMachine(LoopDevice.create(fileSystem), filesOf);
    const { sandbox } = machine;
    sandbox.offer(older);
    await sandbox.must(...pull);
    sandbox.offer(newer);
    spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
    machine.#putBack = sandbox.keepState();
    return machine;
  }

  /** Installs the older build, and nothing else, for good. */
  putBack(): void {
    this.#putBack();
    syncAll(this.#device.folder);
  }

  /** Takes the power away and gives it back. */
  cutPower(loss: Loss): Promise<void> {
    return cutPower(this.#device.folder, loss);
  }

  /** What is wrong with the store after the power came back; `reported` is what banger said is there. */
  async problems(
    reported: Links | undefined,
    check: readonly string[] = ["kernel", "list"],
  ): Promise<readonly string[]> {
    const { sandbox } = this;
    const links = existsSync(this.#state) ? sandbox.installed() : {};
    const { current, previous } = links;
    if (reported !== undefined && !Bun.deepEquals(links, reported)) {
      return [`${JSON.stringify(reported)} was reported, there is ${JSON.stringify(links)}`];
    }
    if (reported === undefined && current !== older && current !== newer) {
      return [`${kernelName} is ${current}`];
    }
    if (previous?.startsWith("torn") === true) return [`the previous one is ${previous}`];
    const found: string[] = [];
    const again = [...pull, "--force"];
    for (const args of [check, ["kernel", "verify"], again, ["kernel", "verify"]]) {
      const { exitCode, stderr } = await sandbox.banger(args);
      if (exitCode !== 0) found.push(`${args.join(" ")} exits with ${exitCode}: ${stderr}`);
    }
    if (sandbox.installed().current !== newer) found.push("the next pull does not install");
    return [...found, ...sandbox.leftovers()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
    this.#device.dispose();
  }
}

for (const fileSystem of fileSystems) {
  testUnless(
    mountObstacle(),
    `row 26: a power cut at any moment of a pull leaves the old kernel or the new one on ${fileSystem}`,
    async () => {
      await using machine = await PoweredMachine.start(fileSystem);
      const { sandbox } = machine;
      machine.putBack();
      const whole = await bangerOnMainThread(sandbox, pull);
      const all = changesBelow(whole.calls, sandbox.state);
      const wanted = process.env["BANGER_POWER_CUTS"] === "all" ? all.length : 12;
      const points = all.filter((_, index) => (index * wanted) % all.length < wanted);
      const cuts = points.flatMap((point, index) =>
        (wanted === 12 ? [losses[index % 2] ?? "contents"] : losses).map((loss) => ({
          point,
          loss,
        })),
      );

      const problems: string[] = [];
      for (const { point, loss } of cuts) {
        machine.putBack();
        const rule = `${point.syscall}:signal=KILL:when=${point.when}`;
        const { result } = await bangerOnMainThread(sandbox, pull, [rule]);
        await machine.cutPower(loss);
        if (result.signal !== "SIGKILL") problems.push(`exit ${result.exitCode}`);
        for (const problem of await machine.problems(undefined)) {
          problems.push(`cut before ${point.syscall} ${point.text}, ${loss} lost: ${problem}`);
        }
      }
      expect(problems).toEqual([]);
      const done = `power cut at ${cuts.length} moments of a pull, ${fileSystem}`;
      recordFault({ row: 26, done, exit: "power cut", code: "-", store: "healed" });
    },
    timeoutMs,
  );

  testUnless(
    mountObstacle(),
    `row 26: what was reported as done is there after a power cut on ${fileSystem}`,
    async () => {
      let cuts = 0;
      for (const filesOf of [bundleFilesOf, manyFilesOf]) {
        await using machine = await PoweredMachine.start(fileSystem, filesOf);
        for (const { args, links, first, check, writes } of commands) {
          if (filesOf === manyFilesOf && writes !== true) continue;
          for (const loss of losses) {
            machine.putBack();
            await first?.(machine.sandbox);
            await machine.sandbox.must(...args);
            await machine.cutPower(loss);
            const problems = await machine.problems(links, check);
            expect({ args, loss, problems }).toEqual({ args, loss, problems: [] });
            cuts += 1;
          }
        }
      }
      const done = `power cut right after success, ${cuts} times, ${fileSystem}`;
      recordFault({ row: 26, done, exit: "power cut", code: "-", store: "as wanted" });
    },
    timeoutMs,
  );

  testUnless(
    mountObstacle(),
    `row 26: a kernel that a killed pull published is durable once a pull reports it on ${fileSystem}`,
    async () => {
      await using machine = await PoweredMachine.start(fileSystem);
      const { sandbox } = machine;
      const lastSync = await callOf(sandbox, pull, /^fsync \d+<.*\/kernels>/);
      machine.putBack();
      await bangerOnMainThread(sandbox, pull, [`fsync:signal=KILL:when=${lastSync.when}`]);
      expect(sandbox.installed()).toEqual(both);
      await sandbox.must(...pull);
      await machine.cutPower("names and contents");
      expect(await machine.problems(both)).toEqual([]);
      const done = `SIGKILL before the last fsync, pull again, power cut, ${fileSystem}`;
      recordFault({ row: 26, done, exit: "power cut", code: "-", store: "as wanted" });
    },
    timeoutMs,
  );

  testUnless(
    mountObstacle(),
    `row 26: without fsync the same power cut loses and tears kernels on ${fileSystem}`,
    async () => {
      const fake = ["fsync,fdatasync,syncfs,sync_file_range:retval=0"];
      for (const filesOf of [bundleFilesOf, manyFilesOf]) {
        await using machine = await PoweredMachine.start(fileSystem, filesOf);
        for (const [loss, problem] of [
          ["names and contents", `was reported, there is {"current":"${older}"}`],
          ["contents", `was reported, there is {"current":"torn: `],
        ] as const) {
          machine.putBack();
          const { result } = await bangerOnMainThread(machine.sandbox, pull, fake);
          expect(result.exitCode).toBe(0);
          expect(machine.sandbox.installed()).toEqual(both);
          await machine.cutPower(loss);
          const problems = await machine.problems(both);
          expect(problems.join()).toContain(problem);
        }
      }
      const done = `negative control: no fsync, then a power cut, ${fileSystem}: lost and torn`;
      recordFault({ row: 26, done, exit: "power cut", code: "-", store: "as wanted" });
    },
    timeoutMs,
  );
}

interface Reported {
  readonly args: readonly string[];
  /** What must then be there. */
  readonly links: Links;
  /** What was done before, with the older build installed. */
  readonly first?: (sandbox: KernelSandbox) => Promise<unknown> | void;
  /** Whether it writes the files of a kernel. */
  readonly writes?: boolean;
  /** A command that must succeed after the power came back. */
  readonly check?: readonly string[];
}

const both: Links = { current: newer, previous: older };

const register = ["image", "register", "--name", "image", "--rootfs", "rootfs.ext4"];

const commands: readonly Reported[] = [
  {
    args: pull,
    links: { current: newer },
    first: (sandbox) => rmSync(sandbox.state, { recursive: true }),
    writes: true,
  },
  { args: pull, links: both, writes: true },
  {
    args: ["kernel", "import", kernelName, "--from", "tree", "--distro", "d", "--arch", "x86_64"],
    links: { current: newer },
    first: async (sandbox) => {
      rmSync(join(sandbox.work, "tree"), { recursive: true, force: true });
      sandbox.writeBuild(newer, join(sandbox.work, "tree"));
      await sandbox.must("kernel", "rm", "--yes", kernelName);
    },
    writes: true,
  },
  {
    args: ["kernel", "rollback", kernelName],
    links: { current: older, previous: newer },
    first: (sandbox) => sandbox.must(...pull),
  },
  { args: ["kernel", "rm", "--yes", kernelName], links: {} },
  {
    args: [...register, "--kernel-ref", kernelName, "--pin"],
    links: { current: older },
    check: ["image", "config", "image"],
  },
];
