/**
 * `make injections`: every mutating system call of a pull that upgrades, killed and failed in turn.
 *
 * The calls are those that a traced pull makes below its state folder: of a bundle with few files,
 * which are synced one by one, and of one with many, which are synced in one pass.
 */
import { parseArgs } from "node:util";
import { failAt, failures, killAt } from "../support/call-faults.ts";
import { bundleFilesOf, KernelSandbox, manyFilesOf } from "../support/kernel-state.ts";
import {
  bangerOnMainThread,
  type CallPoint,
  changesBelow,
  closingsInStaging,
} from "../support/main-thread.ts";
import { positiveNumber, refuseUsage } from "../support/make-arguments.ts";
import { markdownTable } from "../support/markdown.ts";
import { straceObstacle } from "../support/obstacles.ts";
import type { BundleFiles } from "../support/sandbox.ts";
import { listMutatingCalls } from "../support/strace.ts";
import { prepareStore, type StoreOperation, storeOperations } from "../support/store-operations.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const usage = "injections [JOBS=2] [ONLY=write]";
/** The calls of each bundle are divided among so many, each with a store of its own. */
const jobs = positiveNumber("JOBS", values.jobs, usage);
const obstacle = straceObstacle();
if (obstacle !== undefined) {
  console.error(`banger: error: system calls cannot be changed here: ${obstacle}`);
  process.exit(1);
}
const upgrade = storeOperations.find(({ name }) => name === "a pull that upgrades");
if (upgrade === undefined) throw new Error("there is no pull that upgrades");
const operation: StoreOperation = { ...upgrade, args: [...upgrade.args, "--json"] };

const problems: string[] = [];
const bundles = [
  { name: "few files", filesOf: bundleFilesOf },
  { name: "many files", filesOf: manyFilesOf },
] as const;
const tables = await Promise.all(
  bundles.map(async ({ name, filesOf }) => {
    const parts = Array.from({ length: jobs }, (_, part) => injectPart(name, filesOf, part));
    return rowsOf(name, (await Promise.all(parts)).flat());
  }),
);
if (tables.flat().length === 0) refuseUsage(`a pull has no call ${values.only}`, usage);
const errnos = failures.map(({ errno }) => `${errno} → right`);
const head = ["bundle", "system call", "calls", "killed → healed", ...errnos];
console.log("Calls of the thread that writes and publishes:\n");
console.log(markdownTable(head, tables.flat()));
const total = tables.flat().reduce((sum, row) => sum + Number(row[2]), 0);
console.log(
  `\n${total} calls, ${total * (1 + failures.length)} injections, ${problems.length} problems`,
);
for (const problem of problems) console.log(`- ${problem}`);
if (problems.length > 0) process.exitCode = 1;

/** What came of the injections at one call. */
interface Injected {
  readonly syscall: string;
  readonly isHealed: boolean;
  /** By error: whether banger ended as it should. */
  readonly isRight: readonly boolean[];
}

async function injectPart(
  name: string,
  filesOf: (version: string) => BundleFiles,
  part: number,
): Promise<readonly Injected[]> {
  await using sandbox = new KernelSandbox({ filesOf });
  const putBack = await prepareStore(sandbox, operation);
  if (part === 0) await wantOneThread(sandbox, name);
  putBack();
  const { calls } = await bangerOnMainThread(sandbox, operation.args);
  const all = [...changesBelow(calls, sandbox.state), ...closingsInStaging(calls)];
  const points = all.filter(({ syscall }) => syscall.includes(values.only));
  const done: Injected[] = [];
  for (const point of points.filter((_, index) => index % jobs === part)) {
    const where = `${point.syscall}(${point.text.replaceAll(sandbox.state, "$STATE")}`;
    putBack();
    const killed = await killAt(sandbox, operation, point);
    const isHealed = told(killed, `${name}, killed before ${where}`);
    const isRight: boolean[] = [];
    for (const failure of failures) {
      const found = await failAt(sandbox, operation.args, point, failure, putBack);
      isRight.push(told(found, `${name}, ${failure.errno} of ${where}`));
    }
    done.push({ syscall: point.syscall, isHealed, isRight });
  }
  return done;
}

function rowsOf(
  name: string,
  injected: readonly Injected[],
): readonly (readonly (string | number)[])[] {
  const groups = Map.groupBy(injected, ({ syscall }) => syscall);
  return [...groups].map(([syscall, all]) => [
    name,
    syscall,
    all.length,
    all.filter(({ isHealed }) => isHealed).length,
    ...failures.map((_, index) => all.filter(({ isRight }) => isRight[index] === true).length),
  ]);
}

/** @returns whether there is nothing to tell */
function told(found: readonly string[], where: string): boolean {
  for (const problem of found) {
    problems.push(`${where}: ${problem}`);
    console.error(problems.at(-1));
  }
  return found.length === 0;
}

/** Calls of another thread are not counted by `when=N`: there must be none. */
async function wantOneThread(sandbox: KernelSandbox, name: string): Promise<void> {
  const { calls } = await listMutatingCalls({
    file: sandbox.executable,
    args: operation.args,
    env: sandbox.environment,
    cwd: sandbox.work,
  });
  const others = calls.filter(({ onMainThread }) => !onMainThread);
  const elsewhere: readonly CallPoint[] = changesBelow(others, sandbox.state);
  for (const { syscall, text } of elsewhere) {
    problems.push(`${name}: a call of another thread was left out: ${syscall}(${text}`);
  }
}
