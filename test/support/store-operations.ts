/** What a user can do to the kernels and images of a host, each with what is there before and after it. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KernelSandbox, kernelName, type Links } from "./kernel-state.ts";

export interface StoreOperation {
  readonly name: string;
  readonly args: readonly string[];
  /** Brings the store to where the command starts from. */
  readonly prepare: (sandbox: KernelSandbox) => Promise<void>;
  readonly before: Links;
  readonly after: Links;
  /** What else is there when it is done, looked up without banger. Default: nothing else. */
  readonly isDone?: (sandbox: KernelSandbox) => boolean;
  /** What the command does when it was done already. Default: exit 0, and all stays. */
  readonly twice?: { readonly exit: number; readonly links: Links };
  /** The build that the image `image` must have, whatever happens; without it there is no image. */
  readonly image?: string;
  /** How many trees only an image may hold in the end. Default: none. */
  readonly held?: number;
}

export const older = "6.12.1";
export const newer = "6.12.2";
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

export const storeOperations: readonly StoreOperation[] = [
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
    isDone: (sandbox) =>
      sandbox.unlinkedTrees().length === 0 &&
      readdirSync(join(sandbox.state, "kernels/.parts")).length === 0,
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
    isDone: hasImage,
    image: newer,
  },
  {
    name: "image rm",
    args: ["image", "rm", "--yes", "image"],
    prepare: pullBothAndPin,
    before: both,
    after: both,
    isDone: (sandbox) => !hasImage(sandbox),
    twice: { exit: 3, links: both },
  },
];

/** Brings a sandbox to where the operation starts from. @returns what brings it there again */
export async function prepareStore(
  sandbox: KernelSandbox,
  operation: StoreOperation,
): Promise<() => void> {
  spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
  await operation.prepare(sandbox);
  return sandbox.keepState();
}

/**
 * Whether an operation that was cut short is done, looked up without banger: `old`, `new`, or what is
 * there instead, which is then neither.
 */
export function outcomeOf(sandbox: KernelSandbox, operation: StoreOperation): string {
  const { before, after } = operation;
  const links = torn(sandbox.installed());
  const { current, previous } = links;
  if (current !== before.current && current !== after.current) {
    return `${kernelName} is ${sandbox.installed().current}, neither the old nor the new one`;
  }
  const builds = Object.values({ ...before, ...after });
  if (previous !== undefined && !builds.includes(previous)) {
    return `the previous one is ${sandbox.installed().previous}`;
  }
  const isDone = Bun.deepEquals(links, after) && (operation.isDone?.(sandbox) ?? true);
  return isDone ? "new" : "old";
}

/** Runs what a user would run next: a list, and then {@link problemsOfRetry}. */
export async function problemsOfNextCommands(
  sandbox: KernelSandbox,
  operation: StoreOperation,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const list = await sandbox.banger(["kernel", "list", "--json"]);
  want(list.exitCode === 0, `kernel list exits with ${list.exitCode}: ${list.stderr}`);
  const staging = sandbox.leftovers().filter((path) => /\.(?:staging|trash)\//.test(path));
  want(staging.length === 0, `kernel list left ${staging.join(", ")}`);
  return [...problems, ...(await problemsOfRetry(sandbox, operation))];
}

/** Runs the operation again, and tells what is wrong with the store and the images then. */
export async function problemsOfRetry(
  sandbox: KernelSandbox,
  operation: StoreOperation,
): Promise<readonly string[]> {
  const { args, after } = operation;
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const again = await sandbox.banger(args);
  const links = sandbox.installed();
  const outcomes = [{ exit: 0, links: after }, operation.twice ?? { exit: 0, links: after }];
  want(
    outcomes.some((each) => Bun.deepEquals(each, { exit: again.exitCode, links })),
    `the same again exits with ${again.exitCode} (${again.stderr.trim()}) and leaves ${JSON.stringify(links)}`,
  );
  want(operation.isDone?.(sandbox) ?? true, "the same again does not do it");
  const leftovers = sandbox.leftovers();
  want(leftovers.length === 0, `the same again left ${leftovers.join(", ")}`);

  const verify = await sandbox.banger(["kernel", "verify"]);
  want(verify.exitCode === 0, `kernel verify exits with ${verify.exitCode}: ${verify.stderr}`);
  const image = hasImage(sandbox) ? await imageKernel(sandbox) : undefined;
  const wanted = operation.image === "older or newer" ? links.current : operation.image;
  want(image === wanted, `the image has ${image}, not ${wanted}`);
  if (sandbox.unlinkedTrees().length > (operation.held ?? 0)) {
    await sandbox.banger(["kernel", "gc", "--yes"]);
    const kept = sandbox.unlinkedTrees();
    want(kept.length <= (operation.held ?? 0), `gc leaves ${kept.join(", ")}`);
  }
  return problems;
}

function hasImage(sandbox: KernelSandbox): boolean {
  return existsSync(join(sandbox.state, "images/image.json"));
}

/** The build that `image config` hands to Firecracker. */
async function imageKernel(sandbox: KernelSandbox): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.banger(["image", "config", "image"]);
  if (exitCode !== 0) return stderr;
  const file = /"kernel_image_path": "([^"]*)"/.exec(stdout)?.[1] ?? "";
  return sandbox.buildIn(realpathSync(dirname(file)));
}

/** What is torn is torn, wherever and however. */
export function torn(links: Links): Links {
  const entries = Object.entries(links).map(([key, build]) => [
    key,
    String(build).replace(/^torn:.*/, "torn"),
  ]);
  return Object.fromEntries(entries);
}
