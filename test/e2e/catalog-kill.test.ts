/**
 * SIGKILL at the calls of `catalog update` that change the state folder: a catalog that verifies is left.
 * Every third of them, and those that change the record; all with `BANGER_ALL_CALLS=1`.
 */
import { expect } from "bun:test";
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, valueAt } from "../support/answers.ts";
import { bangerOnMainThread, type CallPoint, changesBelow, oneIn } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { catalogText, embeddedSerial, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();
type World = typeof host.world;

interface Operation {
  readonly name: string;
  /** What counts before. */
  readonly before: number;
  readonly after: number;
  /** Brings state and repository to where the command starts from. @returns its arguments */
  readonly prepare: (world: World) => Promise<readonly string[]>;
}

const operations: readonly Operation[] = [
  {
    name: "a first update",
    before: embeddedSerial,
    after: 1000,
    prepare: async ({ sandbox }) => {
      rmSync(sandbox.state, { recursive: true });
      return Promise.resolve(["catalog", "update"]);
    },
  },
  {
    name: "an update of an older catalog",
    before: 1000,
    after: 1001,
    prepare: async (world) => {
      requireExit(await world.update());
      world.repository.publish(catalogText(1001));
      return ["catalog", "update"];
    },
  },
  {
    name: "an update from a folder, after all keys were changed",
    before: 1001,
    after: 1002,
    prepare: async (world) => {
      const { repository } = world;
      requireExit(await world.update());
      for (const role of ["timestamp", "snapshot", "targets", "root"] as const) {
        repository.rotate(role);
      }
      repository.publish(catalogText(1002));
      return ["catalog", "update", "--from", repository.folder];
    },
  },
];

testUnless(
  straceObstacle(),
  "SIGKILL at calls of catalog update leaves the old catalog or the new one, and the next update clears up",
  async () => {
    const { world } = host;
    const { state } = world.sandbox;
    const problems: string[] = [];
    let kills = 0;
    for (const operation of operations) {
      const args = await operation.prepare(world);
      const putBack = keepState(world);
      const { result, calls } = await bangerOnMainThread(world.sandbox, args);
      expect(result.exitCode).toBe(0);
      const all = marked(changesBelow(calls, state));
      const marks = changing(all);
      const ofRecord = marks.filter(({ text }) => /\/(?:banger\.json|\.lock)"/.test(text));
      expect(ofRecord.map(({ syscall }) => syscall)).toEqual(["openat", "rename", "unlink"]);
      for (const mark of new Set([...oneIn(3, marks), ...ofRecord])) {
        const where = `${operation.name}, before ${mark.syscall}(${mark.text.replaceAll(state, "$STATE")}`;
        if (!(await killAt(world, args, mark, putBack))) {
          problems.push(`${where}: it could not be killed there`);
          continue;
        }
        for (const problem of await problemsLeft(world, operation, args)) {
          problems.push(`${where}: ${problem}`);
        }
        kills += 1;
      }
    }
    expect(problems).toEqual([]);
    expect(kills).toBeGreaterThan(30);
  },
  400_000,
);

/** A call that can be found in another run: the runtime's own calls, which are counted too, vary. */
interface MarkedCall extends CallPoint {
  /** Its arguments without what is different in each run, and how many there were of these so far. */
  readonly mark: string;
}

function marked(points: readonly CallPoint[]): readonly MarkedCall[] {
  const counts = new Map<string, number>();
  return points.map((point) => {
    const words = point.text
      .replace(/(?:\) +)?= .*$|<unfinished.*$/, "")
      .replaceAll(/\.tmp-\w+/g, ".tmp-*")
      .replaceAll(/\d+/g, "0");
    const key = `${point.syscall} ${words}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { ...point, mark: `${key} ${count}` };
  });
}

/**
 * The calls that change something: a kill before any other leaves what a kill before the next of these
 * leaves. In the folder to work in, which is removed as a whole, only names count.
 */
function changing(calls: readonly MarkedCall[]): readonly MarkedCall[] {
  return calls.filter(({ syscall, text }) => {
    if (/ = -1 E\w+/.test(text) || syscall === "fsync") return false;
    const isAtWork = /\/catalogs\/\.tmp-\w{6}\b/.test(text);
    return !isAtWork || /^(?:mkdir|openat|rename|unlink)/.test(syscall);
  });
}

/** Kills the update before one of its calls. @returns whether that is where it was killed */
async function killAt(
  { sandbox }: World,
  args: readonly string[],
  { mark, syscall, when }: MarkedCall,
  putBack: () => void,
): Promise<boolean> {
  let turn = when;
  for (let attempt = 0; attempt < 30; attempt++) {
    putBack();
    const rule = `${syscall}:signal=KILL:when=${turn}`;
    const { result, calls } = await bangerOnMainThread(sandbox, args, [rule]);
    const here = marked(changesBelow(calls, sandbox.state)).find((call) => call.mark === mark);
    const last = calls.at(-1);
    const isThere = last?.syscall === syscall && last.ordinal === here?.when;
    if (result.signal === "SIGKILL" && isThere) return true;
    turn = here?.when ?? turn + 1;
  }
  return false;
}

/** Looks at the catalog after a kill, updates again, and tells what is wrong. */
async function problemsLeft(
  world: World,
  { before, after }: Operation,
  args: readonly string[],
): Promise<readonly string[]> {
  const { sandbox } = world;
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const left = await world.status();
  const serial = valueAt(left, "serial");
  const problem = valueAt(left, "problem");
  want(serial === before || serial === after, `catalog ${String(serial)} counts`);
  want(problem === null, `there is a problem: ${String(problem)}`);

  const again = await sandbox.banger([...args, "--json"]);
  want(again.exitCode === 0, `the same again exits with ${again.exitCode}: ${again.stderr}`);
  if (again.exitCode !== 0) return problems;
  want(valueAt(documentOf(again), "serial") === after, "the same again does not bring the newest");
  const files = readdirSync(join(sandbox.state, "catalogs"), { recursive: true });
  want(files.join() === "banger.json", `the same again leaves ${files.join(", ")}`);
  const temporary = readdirSync(join(sandbox.folder, "tmp"));
  want(temporary.length === 0, `temporary files stay: ${temporary.join(", ")}`);
  return problems;
}

/** Remembers the state folder, or that there is none; the answer puts it back as it was. */
function keepState({ sandbox }: World): () => void {
  const kept = join(sandbox.folder, "kept");
  copyTree(sandbox.state, kept);
  return () => {
    copyTree(kept, sandbox.state);
  };
}

function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, to, { recursive: true, preserveTimestamps: true });
}
