/** One system call of a command that kills it, or that fails, and what is wrong afterwards. */
import type { ChildResult } from "./child.ts";
import type { KernelSandbox } from "./kernel-state.ts";
import {
  bangerOnMainThread,
  type CallPoint,
  closingsInStaging,
  type MainThreadRun,
  repeatedSyncs,
} from "./main-thread.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  newer,
  older,
  outcomeOf,
  problemsOfNextCommands,
  type StoreOperation,
} from "./store-operations.ts";

/** What a disk can answer, and what banger says then. */
export const failures = [
  { errno: "EIO", code: "io", says: "input/output error" },
  { errno: "ENOSPC", code: "no-space", says: "the disk is full" },
  { errno: "EDQUOT", code: "no-space", says: "the disk quota is used up" },
] as const;

export type Failure = (typeof failures)[number];

/** Kills the command before one of its calls, runs what a user would run next, and tells what is wrong. */
export async function killAt(
  sandbox: KernelSandbox,
  operation: StoreOperation,
  point: CallPoint,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const rule = `${point.syscall}:signal=KILL:when=${point.when}`;
  const { result, calls } = await bangerOnMainThread(sandbox, operation.args, [rule]);
  const last = calls.at(-1);
  want(result.signal === "SIGKILL", `it was not killed, but ended with ${result.exitCode}`);
  want(
    last?.syscall === point.syscall && last.ordinal === point.when,
    `another call was hit: ${last?.syscall} ${last?.text}`,
  );
  const outcome = outcomeOf(sandbox, operation);
  want(outcome === "old" || outcome === "new", outcome);
  return [...problems, ...(await problemsOfNextCommands(sandbox, operation))];
}

/**
 * Calls whose failure loses nothing: the label in a lock file, and the removal of locks and of the
 * part file once the kernel is published.
 */
function mayFail({ syscall, text }: CallPoint): boolean {
  return (
    (/^(?:ftruncate|pwrite64|unlink)$/.test(syscall) && /\/\.locks?[/>"]/.test(text)) ||
    (syscall === "unlink" && text.includes("/.parts/"))
  );
}

/** Whether the one call that failed is the one that was meant. */
function isHit(run: MainThreadRun, point: CallPoint): boolean {
  const hits = run.calls.filter((call) => call.injected);
  return hits.length === 1 && likes(run, point).some(({ when }) => when === hits[0]?.ordinal);
}

/** The calls of a run that are the one that was meant. */
function likes({ calls }: MainThreadRun, point: CallPoint): readonly CallPoint[] {
  const { syscall, text } = point;
  // Files that are only read are closed too.
  const all =
    syscall === "close"
      ? closingsInStaging(calls)
      : calls.map((call) => ({ syscall: call.syscall, when: call.ordinal, text: call.text }));
  return all.filter((call) => call.syscall === syscall && callAlone(call.text) === callAlone(text));
}

/** A call without its result, and without what differs from run to run: descriptors, processes, lengths. */
function callAlone(text: string): string {
  return text
    .replace(/\)? += .*$/s, "")
    .replaceAll(/\b[0-9a-f]{8,}\b/g, "RANDOM")
    .replaceAll(/\d+/g, "N");
}

/** Makes one call of a pull of the newer build fail, its `--json` on, and tells what is wrong with what comes of it. */
export async function failAt(
  sandbox: KernelSandbox,
  args: readonly string[],
  point: CallPoint,
  failure: Failure,
  putBack: () => void,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const want = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const hitOnce = async (when: number): Promise<MainThreadRun> => {
    putBack();
    const rule = `${point.syscall}:error=${failure.errno}:when=${when}`;
    return bangerOnMainThread(sandbox, args, [rule]);
  };
  putBack();
  const before = storeOf(sandbox);
  let run = await hitOnce(point.when);
  // The runtime opens files of its own now and then, and every number behind them is another call's.
  for (let when = point.when, more = 9; more > 0 && !isHit(run, point); more--) {
    when = likes(run, point).at(-1)?.when ?? when + 1;
    run = await hitOnce(when);
  }
  const { result, calls } = run;
  const hit = calls.filter((call) => call.injected);
  want(isHit(run, point), `another call was hit: ${hit.map((call) => call.text).join()}`);
  if (mayFail(point)) {
    want(result.exitCode === 0, `exit ${result.exitCode}: ${result.stdout}`);
  } else {
    want(result.exitCode === 1, `exit ${result.exitCode}`);
    const { code, message } = errorOf(result);
    if (point.syscall === "syncfs") {
      // It does not tell which of the many writes failed, nor how.
      want(code === "io" || code === "no-space", `the code is ${code}`);
      want(message.includes("durable"), `the message is ${message}`);
    } else {
      want(code === failure.code, `the code is ${code}`);
      want(message.includes(failure.says), `the message is ${message}`);
    }
    want(Bun.deepEquals(storeOf(sandbox), before), "the store is not as it was before");
  }
  want(sandbox.leftovers().length === 0, `it left ${sandbox.leftovers().join(", ")}`);
  want(repeatedSyncs(calls).length === 0, `fsync again of ${repeatedSyncs(calls).join(", ")}`);

  const verify = await sandbox.banger(["kernel", "verify"]);
  want(verify.exitCode === 0, `kernel verify exits with ${verify.exitCode}: ${verify.stderr}`);
  const again = await sandbox.banger(args);
  want(again.exitCode === 0, `the same again exits with ${again.exitCode}: ${again.stderr}`);
  const links = sandbox.installed();
  want(
    links.current === newer && links.previous === older,
    `the same again leaves ${JSON.stringify(links)}`,
  );
  return problems;
}

/** All that matters of the store: not locks, downloads, or empty working folders. */
export function storeOf(sandbox: KernelSandbox): Snapshot {
  return sandbox.snapshot({
    withoutLocksAndParts: true,
    leaveOut: /^kernels\/\.(?:staging|trash|previous)$/,
  });
}

/** The error that `--json` tells. */
export function errorOf({ stdout }: ChildResult): {
  readonly code: string;
  readonly message: string;
} {
  const document: unknown = JSON.parse(stdout);
  if (typeof document === "object" && document !== null && "error" in document) {
    const { error } = document;
    if (typeof error === "object" && error !== null && "code" in error && "message" in error) {
      return { code: String(error.code), message: String(error.message) };
    }
  }
  return { code: "none", message: "none" };
}
