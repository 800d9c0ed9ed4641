/** Faults at the calls of banger's main thread: the one that writes and publishes what it installs. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildResult, RunningChild } from "./child.ts";
import { assertNoBugShown, type Sandbox } from "./sandbox.ts";
import { mutatingSyscalls, parseStraceLog, type TracedCall } from "./strace.ts";

/** One call of the main thread, to be hit by `when=N`. */
export interface CallPoint {
  readonly syscall: string;
  readonly when: number;
  /** Its arguments and result as strace prints them. */
  readonly text: string;
}

export interface MainThreadRun {
  readonly result: ChildResult;
  readonly calls: readonly TracedCall[];
}

/**
 * Runs banger under strace, without `-f`: only the main thread is traced, so that `when=N` counts its
 * calls alone and an injected error hits no wake-up of a helper thread of the runtime.
 *
 * @param rules what strace takes after `inject=`: `rename:signal=KILL:when=2`
 * @throws if banger shows a stack trace or an internal error, or after the time limit
 */
export async function bangerOnMainThread(
  sandbox: Sandbox,
  args: readonly string[],
  rules: readonly string[] = [],
): Promise<MainThreadRun> {
  const run = new TracedRun(sandbox, args, rules);
  return run.done;
}

/**
 * Starts banger and stops it, with SIGSTOP, right after one of the calls of its main thread.
 *
 * @throws if banger ends before
 */
export async function stopAfterCall(
  sandbox: Sandbox,
  args: readonly string[],
  point: CallPoint,
): Promise<StoppedRun> {
  const run = new TracedRun(sandbox, args, [`${point.syscall}:signal=STOP:when=${point.when}`]);
  await run.stopped();
  return run;
}

/** A run that stands still. */
export interface StoppedRun {
  readonly pid: number;
  /** Lets it go on, to its end. */
  resume(): Promise<MainThreadRun>;
}

class TracedRun implements StoppedRun {
  readonly done: Promise<MainThreadRun>;
  readonly #folder = mkdtempSync(join(tmpdir(), "banger-strace-"));
  readonly #log = join(this.#folder, "log");
  readonly #child: RunningChild;

  constructor(sandbox: Sandbox, args: readonly string[], rules: readonly string[]) {
    this.#child = new RunningChild({
      file: "/usr/bin/strace",
      args: [...straceWords(this.#log, rules), "--", sandbox.executable, ...args],
      env: sandbox.environment,
      cwd: sandbox.work,
      check: (result) => assertNoBugShown(args, result),
    });
    this.done = this.#finish();
  }

  get pid(): number {
    const children = readFileSync(
      `/proc/${this.#child.pid}/task/${this.#child.pid}/children`,
      "utf8",
    );
    return Number(children.split(" ")[0]);
  }

  async stopped(): Promise<void> {
    while (!existsSync(this.#log) || !this.#text().includes("--- stopped by SIGSTOP ---")) {
      if (this.#child.ended) throw new Error(`it was not stopped: ${this.#child.stderr}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  resume(): Promise<MainThreadRun> {
    process.kill(this.pid, "SIGCONT");
    return this.done;
  }

  async #finish(): Promise<MainThreadRun> {
    try {
      const result = await this.#child.done;
      // The parser wants the thread in front of each line, which strace leaves out when there is one.
      const calls = parseStraceLog(this.#text().replaceAll(/^(?=.)/gm, "1 "));
      return { result, calls: calls.filter((call) => call.syscall !== "execve") };
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #text(): string {
    return readFileSync(this.#log, "utf8");
  }
}

function straceWords(log: string, rules: readonly string[]): string[] {
  const ruled = rules.flatMap((rule) => rule.replace(/:.*$/, "").split(","));
  const traced = ["execve", "openat", "close", ...mutatingSyscalls, ...ruled];
  const bare = new Set(
    traced.flatMap((names) => names.split(",")).map((each) => each.replace(/^\?/, "")),
  );
  const names = [...bare].map((name) => `?${name}`).join(",");
  return [
    ["-y", "-s", "64", "-o", log, "-e", `trace=${names}`],
    rules.flatMap((rule) => ["-e", `inject=${rule}`]),
  ].flat();
}

/** The last call before a staged tree is published, for {@link callOf}. */
export const treeSynced: RegExp = /^fsync \d+<.*\/\.staging\/[0-9a-f]+>/;

/**
 * The last call of a command that matches `NAME ARGUMENTS`; the command is run to its end for it.
 *
 * @param other a system call that changes nothing, and is otherwise not looked at.
 */
export async function callOf(
  sandbox: Sandbox,
  args: readonly string[],
  pattern: RegExp,
  other?: string,
): Promise<CallPoint> {
  const rules = other === undefined ? [] : [`${other}:delay_exit=1:when=1`];
  const { calls } = await bangerOnMainThread(sandbox, args, rules);
  const call = calls.findLast(({ syscall, text }) => pattern.test(`${syscall} ${text}`));
  if (call === undefined)
    throw new Error(`${args.join(" ")} makes no call like ${String(pattern)}`);
  return { syscall: call.syscall, when: call.ordinal, text: call.text };
}

/**
 * The calls that change something below `folder`, in order: mutating ones, and those that make a
 * file. A path below /proc/self/fd counts as below it: that is how staging is written.
 */
export function changesBelow(calls: readonly TracedCall[], folder: string): readonly CallPoint[] {
  return calls
    .filter(({ text }) => text.includes(folder) || text.includes("/proc/self/fd/"))
    .filter(({ syscall, text }) => syscall !== "openat" || text.includes("O_CREAT"))
    .filter(({ syscall }) => syscall !== "close")
    .map(({ syscall, ordinal, text }) => ({ syscall, when: ordinal, text }));
}

/** The closings of files that were written in staging, in order. */
export function closingsInStaging(calls: readonly TracedCall[]): readonly CallPoint[] {
  const written = new Set<string>();
  const points: CallPoint[] = [];
  for (const { syscall, ordinal, text } of calls) {
    const descriptor = /^\d+<[^>]*\/\.staging\/[^>]*>/.exec(text)?.[0];
    if (descriptor === undefined) {
      continue;
    }
    if (syscall === "write") {
      written.add(descriptor);
    } else if (syscall === "close" && written.delete(descriptor)) {
      points.push({ syscall, when: ordinal, text });
    }
  }
  return points;
}

/**
 * The files and folders whose fsync failed and was then tried again without a change in between, as
 * if the second try could tell what became of the bytes that the first one lost.
 */
export function repeatedSyncs(calls: readonly TracedCall[]): readonly string[] {
  const failed = new Set<string>();
  const repeated: string[] = [];
  for (const { syscall, text } of calls) {
    const path = /^\d+<([^>]*)>/.exec(text)?.[1];
    if (/^(?:f|fdata)sync$/.test(syscall) && path !== undefined) {
      if (failed.has(path)) repeated.push(path);
      if (text.includes("= -1")) failed.add(path);
    } else if (/^(?:rename|symlink|unlink)/.test(syscall)) {
      for (const each of failed) if (text.includes(`"${each}/`)) failed.delete(each);
    }
  }
  return repeated;
}

/** Every n-th of the calls; all of them with `BANGER_ALL_CALLS=1`, which takes as much longer. */
export function oneIn<Point extends CallPoint>(
  every: number,
  points: readonly Point[],
): readonly Point[] {
  const step = process.env["BANGER_ALL_CALLS"] === "1" ? 1 : every;
  return points.filter((_, index) => index % step === 0);
}
