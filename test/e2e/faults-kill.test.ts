/** Fault 25: SIGKILL at each call that changes the state folder. The next command heals the store. */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { KernelSandbox, kernelName, type Links } from "../support/kernel-state.ts";
import { bangerOnMainThread, type CallPoint, changesBelow } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";

interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** Brings the store to where the command starts from. */
  readonly prepare: (sandbox: KernelSandbox) => Promise<void>;
  readonly before: Links;
  readonly after: Links;
  /** What the command does when it was done already. Default: exit 0, and all stays. */
  readonly twice?: { readonly exit: number; readonly links: Links };
  /** The build that the image `image` must have, whatever happens; without it there is no image. */
  readonly image?: string;
  /** How many trees only an image may hold in the end. Default: none. */
  readonly held?: number;
}

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const both: Links = { current: newer, previous: older };

const pull = ["kernel", "pull", kernelName];
const importTree = ["kernel", "import", kernelName, "--from", "tree"];
const imported = [...importTree, "--distro", "generic", "--arch", "x86_64"];
const register = ["image", "register", "--name", "image", "--rootfs", "rootfs.ext4"];
const registered = [...register, "--kernel-ref", kernelName];

async function pullOlder(sandbox: KernelSandbox): Promise<void> {
  sandbox.offer(older);
  await sandbox.must(...pull);
  sandbox.offer(newer);
}

async function pullBoth(sandbox: KernelSandbox): Promise<void> {
  await pullOlder(sandbox);
  await sandbox.must(...pull);
}

async function pullBothAndPin(sandbox: KernelSandbox): Promise<void> {
  await pullBoth(sandbox);
  await sandbox.must(...registered, "--pin");
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
      await pullOlder(sandbox);
      await sandbox.must(...registered);
    },
    before: { current: older },
    after: both,
    image: "older or newer",
  },
  {
    name: "a pull that repairs what an image holds",
    args: pull,
    prepare: async (sandbox) => {
      await pullBothAndPin(sandbox);
      writeFileSync(join(sandbox.state, "kernels", kernelName, "initrd.img"), "damaged");
    },
    before: { current: "torn", previous: older },
    after: both,
    image: newer,
    held: 1,
  },
  {
    name: "an import that replaces an import",
    args: imported,
    prepare: async (sandbox) => {
      const tree = join(sandbox.work, "tree");
      sandbox.writeBuild(older, tree);
      await sandbox.must(...imported);
      rmSync(tree, { recursive: true });
      sandbox.writeBuild(newer, tree);
    },
    before: { current: older },
    after: both,
  },
  {
    name: "kernel rm",
    args: ["kernel", "rm", "--yes", kernelName],
    prepare: pullBoth,
    before: both,
    after: {},
    twice: { exit: 3, links: {} },
  },
  {
    name: "kernel rm --force of what an image holds",
    args: ["kernel", "rm", "--yes", "--force", kernelName],
    prepare: pullBothAndPin,
    before: both,
    after: {},
    twice: { exit: 3, links: {} },
    image: newer,
    held: 1,
  },
  {
    name: "kernel gc",
    args: ["kernel", "gc", "--yes"],
    prepare: async (sandbox) => {
      await pullBothAndPin(sandbox);
      sandbox.offer(older);
      await sandbox.must("kernel", "pull", "--force", kernelName);
      sandbox.offer(newer);
      await sandbox.must(...pull);
      await sandbox.must("image", "rm", "--yes", "image");
      writeFileSync(join(sandbox.state, "kernels/.parts", `${"0".repeat(64)}.part`), "cut short");
    },
    before: both,
    after: both,
  },
  {
    name: "kernel rollback",
    args: ["kernel", "rollback", kernelName],
    prepare: pullBoth,
    before: both,
    after: { current: older, previous: newer },
    twice: { exit: 0, links: both },
  },
  {
    name: "image register --pin",
    args: [...registered, "--pin"],
    prepare: pullBoth,
    before: both,
    after: both,
    image: newer,
  },
  {
    name: "image rm",
    args: ["image", "rm", "--yes", "image"],
    prepare: pullBothAndPin,
    before: both,
    after: both,
    twice: { exit: 3, links: both },
  },
];

for (const operation of operations) {
  const { name } = operation;
  testUnless(
    straceObstacle(),
    `row 25: SIGKILL at any call of ${name} leaves a store that the next command heals`,
    async () => {
      await using sandbox = new KernelSandbox();
      spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
      await operation.prepare(sandbox);
      expect(torn(sandbox.installed())).toEqual(operation.before);
      const putBack = sandbox.keepState();

      const whole = await bangerOnMainThread(sandbox, operation.args);
      expect(whole.result.exitCode).toBe(0);
      expect(sandbox.installed()).toEqual(operation.after);
      const points = changesBelow(whole.calls, sandbox.state);
      expect(points.length).toBeGreaterThan(5);

      const problems: string[] = [];
      for (const point of points) {
        putBack();
        for (const problem of await killAt(sandbox, operation, point)) {
          const where = `${point.syscall}(${point.text.replaceAll(sandbox.state, "$STATE")}`;
          problems.push(`killed before call ${point.when} of ${where}: ${problem}`);
        }
      }
      expect(problems).toEqual([]);
      recordFault({
        row: 25,
        done: `SIGKILL at each of ${points.length} calls of ${name}`,
        exit: "SIGKILL",
        code: "-",
        store: "healed",
      });
    },
    400_000,
  );
}

/** Kills the command before one of its calls, runs what a user would run next, and tells what is wrong. */
async function killAt(
  sandbox: KernelSandbox,
  operation: Operation,
  point: CallPoint,
): Promise<readonly string[]> {
  const { args, before, after } = operation;
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };

  const rule = `${point.syscall}:signal=KILL:when=${point.when}`;
  const { result, calls } = await bangerOnMainThread(sandbox, args, [rule]);
  const last = calls.at(-1);
  want(result.signal === "SIGKILL", `it was not killed, but ended with ${result.exitCode}`);
  want(
    last?.syscall === point.syscall && last.ordinal === point.when,
    `another call was hit: ${last?.syscall} ${last?.text}`,
  );
  const { current, previous } = torn(sandbox.installed());
  const builds = Object.values({ ...before, ...after });
  want(
    current === before.current || current === after.current,
    `${kernelName} leads to ${current}, which is neither the old nor the new one`,
  );
  want(previous === undefined || builds.includes(previous), `the previous one is ${previous}`);

  const list = await sandbox.banger(["kernel", "list", "--json"]);
  want(list.exitCode === 0, `kernel list exits with ${list.exitCode}: ${list.stderr}`);
  const staging = sandbox.leftovers().filter((path) => /\.(?:staging|trash)\//.test(path));
  want(staging.length === 0, `kernel list left ${staging.join(", ")}`);

  const again = await sandbox.banger(args);
  const links = sandbox.installed();
  const outcomes = [{ exit: 0, links: after }, operation.twice ?? { exit: 0, links: after }];
  want(
    outcomes.some((each) => Bun.deepEquals(each, { exit: again.exitCode, links })),
    `the same again exits with ${again.exitCode} (${again.stderr.trim()}) and leaves ${JSON.stringify(links)}`,
  );
  const leftovers = sandbox.leftovers();
  want(leftovers.length === 0, `the same again left ${leftovers.join(", ")}`);

  const verify = await sandbox.banger(["kernel", "verify"]);
  want(verify.exitCode === 0, `kernel verify exits with ${verify.exitCode}: ${verify.stderr}`);
  const image = await imageKernel(sandbox);
  const wanted = operation.image === "older or newer" ? links.current : operation.image;
  want(image === wanted, `the image has ${image}, not ${wanted}`);
  if (sandbox.unlinkedTrees().length > (operation.held ?? 0)) {
    await sandbox.banger(["kernel", "gc", "--yes"]);
    const kept = sandbox.unlinkedTrees();
    want(kept.length <= (operation.held ?? 0), `gc leaves ${kept.join(", ")}`);
  }
  return problems;
}

/** The build that `image config` hands to Firecracker; `undefined` when there is no image. */
async function imageKernel(sandbox: KernelSandbox): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await sandbox.banger(["image", "config", "image"]);
  if (exitCode !== 0) return exitCode === 3 ? undefined : stderr;
  const file = /"kernel_image_path": "([^"]*)"/.exec(stdout)?.[1] ?? "";
  return sandbox.buildIn(realpathSync(dirname(file)));
}

/** What is torn is torn, wherever and however. */
function torn(links: Links): Links {
  const entries = Object.entries(links).map(([key, build]) => [
    key,
    String(build).replace(/^torn:.*/, "torn"),
  ]);
  return Object.fromEntries(entries);
}
