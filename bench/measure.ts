/** Runs programs and tells what they cost. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What one run cost. */
export interface Sample {
  readonly wallMs: number;
  /** User and system time, of the program and of all that it waited for. */
  readonly cpuMs: number;
  /** The most that any one process of it held in memory. */
  readonly rssBytes: number;
}

export interface Command {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before each time, and is not measured. @returns more of the environment */
  readonly prepare?: () => Readonly<Record<string, string>>;
}

const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

/**
 * Runs a command once, without its output.
 *
 * time(1) stands in between: a process begins with the memory of the one that started it on its
 * account, and ours is large.
 *
 * @throws when it does not end with 0
 */
export function measure(command: Command): Sample {
  const more = command.prepare?.();
  const folder = mkdtempSync(join(tmpdir(), "banger-bench-"));
  const [peak, errors] = [join(folder, "peak"), join(folder, "errors")];
  const stderr = openSync(errors, "w");
  try {
    const startedMs = performance.now();
    const result = Bun.spawnSync(
      ["/usr/bin/time", "-q", "-f", "%M", "-o", peak, "--", ...command.args],
      {
        env: { ...environment, ...command.env, ...more },
        stdin: "ignore",
        stdout: "ignore",
        stderr,
      },
    );
    const wallMs = performance.now() - startedMs;
    if (result.exitCode !== 0) {
      const said = readFileSync(errors, "utf8");
      throw new Error(`${command.args.join(" ")} ended with ${result.exitCode}: ${said}`);
    }
    return {
      wallMs,
      cpuMs: Number(result.resourceUsage.cpuTime.total) / 1000,
      rssBytes: Number(readFileSync(peak, "utf8").trim()) * 1024,
    };
  } finally {
    closeSync(stderr);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The samples of a program and of its rival, of the same run. */
export interface Duel {
  readonly ours: readonly Sample[];
  readonly rival: readonly Sample[];
}

/** Measures two commands in turn, A B A B …, after one round that does not count. */
export function duel(ours: Command, rival: Command, runs: number): Duel {
  const rounds = Array.from({ length: runs + 1 }, () => ({
    ours: measure(ours),
    rival: measure(rival),
  })).slice(1);
  return { ours: rounds.map((round) => round.ours), rival: rounds.map((round) => round.rival) };
}

/** How many times the rival's median ours is. */
export function ratio({ ours, rival }: Duel, what: keyof Sample): number {
  return medianOf(ours, what) / medianOf(rival, what);
}

/** Both medians in milliseconds, as a row notes them. */
export function against({ ours, rival }: Duel, what: "wallMs" | "cpuMs" = "wallMs"): string {
  const [mine, theirs] = [ours, rival].map((samples) => medianOf(samples, what));
  const digits = Math.min(mine ?? 0, theirs ?? 0) < 150 ? 1 : 0;
  return `${mine?.toFixed(digits)} ms against ${theirs?.toFixed(digits)} ms`;
}

/** The median of one quantity. */
export function medianOf(samples: readonly Sample[], what: keyof Sample): number {
  return median(samples.map((sample) => sample[what]));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
