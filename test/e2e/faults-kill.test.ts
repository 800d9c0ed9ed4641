/** Fault 25: SIGKILL at each call that changes the state folder. The next command heals the store. */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { bangerOnMainThread, type CallPoint, changesBelow } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";

/** What the links of the kernels folder lead to. */
interface Links {
  readonly current?: string;
  readonly previous?: string;
}

interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** Brings the store to where the command starts from. */
  readonly prepare: (sandbox: KernelSandbox) => Promise<void>;
  readonly before: Links;
  readonly after: Links;
  /** What running it once more after it was done does. Default: nothing, exit 0. */
  readonly twice?: { readonly exit: number; readonly links: Links };
  /** Whether an image is there, which must have its kernel whatever happens. */
  readonly image?: "before and after" | "after";
  /** Trees that only an image holds. */
  readonly held?: number;
}

const pull = ["kernel", "pull", kernelName];
const register = (sandbox: KernelSandbox, ...options: readonly string[]) =>
  sandbox.must(
    ...["image", "register", "--name", "image", "--rootfs", rootfsOf(sandbox)],
    ...["--kernel-ref", kernelName, ...options],
  );

const [old, newer] = ["6.12.1", "6.12.2"];
const both: Links = { current: newer, previous: old };

async function installOld(sandbox: KernelSandbox): Promise<void> {
  sandbox.offer(old);
  await sandbox.must(...pull);
  sandbox.offer(newer);
}

async function installBoth(sandbox: KernelSandbox): Promise<void> {
  await installOld(sandbox);
  await sandbox.must(...pull);
}

const operations: readonly Operation[] = [
  {
    name: "a first pull",
    args: pull,
    prepare: async (sandbox) => {
      sandbox.offer(newer);
      rmSync(sandbox.state, { recursive: true });
    },
    before: {},
    after: { current: newer },
  },
  {
    name: "a pull that upgrades",
    args: pull,
    prepare: async (sandbox) => {
      await installOld(sandbox);
      await register(sandbox);
    },
    before: { current: old },
    after: both,
    image: "before and after",
  },
  {
    name: "a pull that repairs what an image holds",
    args: pull,
    prepare: async (sandbox) => {
      await installBoth(sandbox);
      await register(sandbox, "--pin");
      sandbox.damageAfterRestore("initrd.img");
    },
    before: both,
    after: both,
    image: "before and after",
  },
  {
    name: "import",
    args: ["kernel", "import", kernelName, "--from", "tree", "--distro", "d", "--arch", "x86_64"],
    prepare: async (sandbox) => {
      for (const version of [newer, old]) {
        rmSync(join(sandbox.work, "tree"), { recursive: true, force: true });
        sandbox.writeBuild(version, join(sandbox.work, "tree"));
        if (version === newer) await sandbox.must(...operations[3].args);
      }
    },
    before: { current: old },
    after: both,
  },
];
