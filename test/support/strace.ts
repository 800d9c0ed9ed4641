/** System calls of a program: counted, made to fail, or made the program's last. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildOptions, type ChildResult, runChild } from "./child.ts";

/** The calls that change a file system. Those that an architecture does not have are passed over. */
export const mutatingSyscalls: readonly string[] = [
  ["write", "writev", "pwrite64", "pwritev", "copy_file_range", "sendfile", "fallocate"],
  ["fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2", "mkdir", "mkdirat"],
  ["symlink", "symlinkat", "link", "linkat", "unlink", "unlinkat", "rmdir"],
  ["truncate", "ftruncate", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown"],
  ["fchownat", "utimensat"],
].flat();

export interface StraceOptions extends ChildOptions {
  /** Which calls are recorded. Default: {@link mutatingSyscalls}. Those of the rules always are. */
  readonly syscalls?: readonly string[];
}

export interface TracedCall {
  /** The thread; the main thread of a process has the process's id. */
  readonly tid: number;
  /** Whether the first thread of the program itself made it, not a helper thread or a child process. */
  readonly onMainThread: boolean;
  readonly syscall: string;
  /** The first call of this name by this thread is 1: what `when=N` counts. */
  readonly ordinal: number;
  /** The arguments and the result as strace prints them, paths of descriptors in `<…>`. */
  readonly text: string;
  /** Whether strace changed its result or sent a signal with it. */
  readonly injected: boolean;
}

export interface StraceResult {
  readonly result: ChildResult;
  readonly calls: readonly TracedCall[];
}

/**
 * Runs a program under `strace -f` with injections. A rule is what strace takes after `inject=`.
 * `when=N` counts each call name in each thread apart; `signal=KILL` comes **before** the call is done.
 *
 * @example
 * await straceInject({ file, args, env, rules: ["fsync:error=EIO:when=1"] });
 * await straceInject({ file, args, env, rules: ["rename:signal=KILL:when=2"] });
 */
export async function straceInject(
  options: StraceOptions & { readonly rules: readonly string[] },
): Promise<StraceResult> {
  if (!existsSync("/usr/bin/strace")) {
    throw new Error("/usr/bin/strace is missing; run: apt-get install strace");
  }
  const folder = mkdtempSync(join(tmpdir(), "banger-strace-"));
  try {
    const log = join(folder, "log");
    const ruled = options.rules.flatMap((rule) => rule.replace(/:.*$/, "").split(","));
    const traced = [...new Set(["execve", ...(options.syscalls ?? mutatingSyscalls), ...ruled])];
    const names = traced.map((name) => `?${name.replace(/^\?/, "")}`).join(",");
    const result = await runChild({
      ...options,
      file: "/usr/bin/strace",
      args: [
        ["-f", "-y", "-s", "32", "-o", log, "-e", `trace=${names}`],
        options.rules.flatMap((rule) => ["-e", `inject=${rule}`]),
        ["--", options.file, ...options.args],
      ].flat(),
    });
    return { result, calls: parseStraceLog(readFileSync(log, "utf8")) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a program to its end and lists the calls by which it changes a file system. */
export async function listMutatingCalls(options: StraceOptions): Promise<StraceResult> {
  const { result, calls } = await straceInject({ ...options, rules: [] });
  return { result, calls: calls.filter((call) => call.syscall !== "execve") };
}

/** How often each call name occurs. */
export function countCalls(calls: readonly TracedCall[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { syscall } of calls) {
    counts[syscall] = (counts[syscall] ?? 0) + 1;
  }
  return counts;
}

/** How often each call name occurs on the program's main thread: the range of N in `when=N` there. */
export function countMainThreadCalls(
  calls: readonly TracedCall[],
): Readonly<Record<string, number>> {
  return countCalls(calls.filter((call) => call.onMainThread));
}

/** How often each call name occurs, thread by thread. */
export function countCallsByThread(
  calls: readonly TracedCall[],
): ReadonlyMap<number, Readonly<Record<string, number>>> {
  const threads = Map.groupBy(calls, (call) => call.tid);
  return new Map([...threads].map(([tid, own]) => [tid, countCalls(own)]));
}

/**
 * Every distinct `{syscall, when}` at which a rule can hit the calls that name a path below `folder`.
 * One point hits the N-th call of **each** thread.
 */
export function injectionPoints(
  calls: readonly TracedCall[],
  folder: string,
): readonly { readonly syscall: string; readonly when: number }[] {
  const points = new Map<string, { syscall: string; when: number }>();
  for (const { syscall, ordinal, text } of calls) {
    if (text.includes(folder)) {
      points.set(`${syscall} ${ordinal}`, { syscall, when: ordinal });
    }
  }
  return [...points.values()];
}

/** Reads what `strace -f -o` wrote. The first line must be the execve of the program. */
export function parseStraceLog(log: string): readonly TracedCall[] {
  const calls: { -readonly [Key in keyof TracedCall]: TracedCall[Key] }[] = [];
  const counts = new Map<string, number>();
  const unfinished = new Map<number, (typeof calls)[number]>();
  let mainThread: number | undefined;
  for (const line of log.split("\n")) {
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/.exec(line);
    if (resumed !== null) {
      const [, tid, rest = ""] = resumed;
      const call = unfinished.get(Number(tid));
      if (call !== undefined) {
        call.text += rest;
        call.injected = rest.includes("(INJECTED)");
        unfinished.delete(Number(tid));
      }
      continue;
    }
    const started = /^(\d+) +(\w+)\((.*)$/.exec(line);
    if (started === null) {
      continue; // a signal or an exit
    }
    const [, thread, syscall = "", rest = ""] = started;
    const tid = Number(thread);
    mainThread ??= tid;
    const key = `${tid} ${syscall}`;
    const ordinal = (counts.get(key) ?? 0) + 1;
    counts.set(key, ordinal);
    const call = {
      tid,
      onMainThread: tid === mainThread,
      syscall,
      ordinal,
      text: rest.replace(/ <unfinished \.\.\.>$/, ""),
      injected: rest.includes("(INJECTED)"),
    };
    calls.push(call);
    if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(tid, call);
    }
  }
  return calls;
}
