/** What each worker of a soak does, one command after another: all of it by the seed. */
import { Random } from "./random.ts";
import { type Kernel, kernels, levels, type Slot, versionOf } from "./stock.ts";

/** How a command is cut short. */
export interface Ending {
  readonly signal: "SIGKILL" | "SIGINT" | "SIGTERM";
  /** From its start, or from when it says the words. */
  readonly afterMs: number;
  /** On standard error; undefined: its start counts. */
  readonly words?: string;
}

const verbWeights = [
  ["kernel pull", 36],
  ["kernel rm", 6],
  ["kernel import", 10],
  ["kernel rollback", 8],
  ["kernel verify", 8],
  ["kernel gc", 6],
  ["kernel list", 6],
  ["kernel show", 5],
  ["kernel export", 4],
  ["kernel outdated", 2],
  ["image register", 7],
  ["image rm", 4],
  ["image list", 3],
  ["catalog update", 6],
  ["catalog status", 2],
] as const;

export type Verb = (typeof verbWeights)[number][0];

/** Outside the catalogs that are signed, there are so many files of older ones. */
export const shelfCatalogs = 4;

/** One command. */
export interface Action {
  readonly verb: Verb;
  /** Without `--json`. */
  readonly args: readonly string[];
  /** Which kernel it is about; undefined: all, or none. */
  readonly slot?: Slot;
  /** What it imports. */
  readonly version?: string;
  /** Which catalog of the shelf it reads; undefined: the one of the last update. */
  readonly shelf?: number;
  readonly image?: string;
  readonly pinned?: boolean;
  /** Where it exports to, in the folder of work. */
  readonly destination?: string;
  readonly ending?: Ending;
}

export const images: readonly string[] = ["web", "db", "ci"];

/** A worker's commands, without end. */
export function* actionsOf(seed: string, worker: number): Generator<Action, never> {
  const random = new Random(seed, "worker", worker);
  for (let count = 0; ; count += 1) {
    const verb = random.weighted(verbWeights);
    const action = makeAction(random, verb, `export-${worker}-${count}`);
    yield random.chance(0.25) ? { ...action, ending: endingOf(random, verb) } : action;
  }
}

function makeAction(random: Random, verb: Verb, destination: string): Action {
  const isPull = verb === "kernel pull" && random.chance(0.95);
  const kernel = random.pick(isPull ? kernels.filter(({ isOffered }) => isOffered) : kernels);
  const { slot } = kernel;
  const reference = `${kernel.name}:${kernel.arch}`;
  const words = verb.split(" ");
  // Without it most pulls find that all is there, and ask no server.
  const force = random.chance(verb === "kernel pull" ? 0.6 : 0.3) ? ["--force"] : [];
  switch (verb) {
    case "kernel pull": {
      const noWait = random.chance(0.15) ? ["--no-wait"] : [];
      const args = [...words, reference, ...force, ...noWait];
      return random.chance(0.2)
        ? { verb, args, slot, shelf: random.between(0, shelfCatalogs) }
        : { verb, args, slot };
    }
    case "kernel import":
      return importOf(random, kernel);
    case "kernel rm":
      return { verb, args: [...words, reference, ...force], slot };
    case "kernel rollback":
    case "kernel show":
      return { verb, args: [...words, reference], slot };
    case "kernel export":
      return { verb, args: [...words, reference, destination], slot, destination };
    case "kernel verify":
      return random.chance(0.5)
        ? { verb, args: words }
        : { verb, args: [...words, reference], slot };
    case "image register": {
      const image = random.pick(images);
      const pinned = random.chance(0.5);
      const flags = ["--name", image, "--rootfs", "rootfs.ext4", "--kernel-ref", reference];
      const pin = pinned ? ["--pin"] : [];
      return { verb, args: [...words, ...flags, ...pin, ...force], slot, image, pinned };
    }
    case "image rm": {
      const image = random.pick(images);
      return { verb, args: [...words, image], image };
    }
    case "kernel gc":
    case "kernel list":
    case "kernel outdated":
    case "image list":
    case "catalog update":
    case "catalog status":
      return { verb, args: words };
  }
}

function importOf(random: Random, kernel: Kernel): Action {
  const { slot, arch, name } = kernel;
  const version = versionOf(kernel, random.pick(levels));
  const force = random.chance(0.5) ? ["--force"] : [];
  const flags = ["--from", `builds/${slot}/${version}`, "--distro", "soak", "--arch", arch];
  const args = ["kernel", "import", name, ...flags, ...force];
  return { verb: "kernel import", args, slot, version };
}

/** A pull tells what it is at: so its last steps can be met as often as its first. */
function endingOf(random: Random, verb: Verb): Ending {
  const signal = random.weighted([
    ["SIGKILL", 70],
    ["SIGINT", 15],
    ["SIGTERM", 15],
  ]);
  if (verb === "kernel pull" && random.chance(0.6)) {
    const words = random.pick(["downloading", "unpacking", "installing"]);
    return { signal, words, afterMs: random.between(0, 40) };
  }
  // From 20 ms to 4 s, so that it is met at its start on any machine, and at its end on a slow one.
  return { signal, afterMs: Math.round(20 * 200 ** random.next()) };
}
