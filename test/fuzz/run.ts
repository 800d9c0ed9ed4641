/** Runs a target for so many inputs, or for so long. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { inputsOf } from "./mutations.ts";
import { type FuzzTarget, judge, type Outcome, type Session } from "./target.ts";

/** Where inputs begin that `make test` runs. Another one is as good, but then for everybody. */
export const testSeed = 20_261_127;

const defaultMaxBytes = 2 ** 20;
/** So many inputs have one seed. */
const batchRuns = 100;

/** What is wrong, and with which input. */
export interface Finding {
  readonly message: string;
  readonly seed: number;
  /** The smallest input that was found. */
  readonly input: Uint8Array;
}

export interface Report {
  readonly target: string;
  readonly runs: number;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** Of processor time, the most that one input took; 0 unless it was watched. */
  readonly slowestMs: number;
  readonly slowestBytes: number;
  readonly finding: Finding | undefined;
}

export interface RunOptions {
  readonly seed: number;
  /** Ends after so many inputs; undefined: when the time is over. */
  readonly runs?: number | undefined;
  /** Ends when so long has gone by since the session was ready. */
  readonly forMs?: number | undefined;
  /** More processor time for one input is a finding. Inputs are grown then, so that it shows. */
  readonly slowMs?: number | undefined;
  /** Is given each input before it is run. */
  readonly trace?: ((input: Uint8Array) => void) | undefined;
}

/** A session with a folder of its own, for as long as `work` takes. */
export async function inSession<Result>(
  target: FuzzTarget,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const scratch = mkdtempSync(join(tmpdir(), "banger-fuzz-"));
  try {
    const session = await target.start(scratch);
    try {
      return await work(session);
    } finally {
      await session.stop?.();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function runTarget(target: FuzzTarget, options: RunOptions): Promise<Report> {
  return inSession(target, (session) => runSession(target, session, options));
}

async function runSession(
  target: FuzzTarget,
  session: Session,
  { seed, runs = Infinity, forMs = Infinity, slowMs, trace }: RunOptions,
): Promise<Report> {
  const outcomes: Partial<Record<Outcome, number>> = {};
  const slowest = { ms: 0, bytes: 0 };
  let done = 0;
  const property = fc.asyncProperty(
    inputsOf(
      session,
      target.maxBytes ?? defaultMaxBytes,
      slowMs && (target.maxBytes ?? defaultMaxBytes),
    ),
    async (input) => {
      trace?.(input);
      const before = process.cpuUsage();
      const outcome = await judge(target, session, input);
      const { user, system } = process.cpuUsage(before);
      done += 1;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (slowMs === undefined) return;
      const ms = (user + system) / 1000;
      if (ms > slowest.ms) Object.assign(slowest, { ms, bytes: input.length });
      if (ms > slowMs) throw new Error(`${input.length} bytes take ${ms.toFixed(0)} ms`);
    },
  );
  const deadlineMs = performance.now() + forMs;
  let finding: Finding | undefined;
  for (let batch = 0; finding === undefined; batch += 1) {
    const numRuns = Math.min(batchRuns, runs - done);
    const leftMs = deadlineMs - performance.now();
    if (numRuns <= 0 || leftMs <= 0) break;
    const limit = Number.isFinite(leftMs) ? { interruptAfterTimeLimit: leftMs } : {};
    const details = await fc.check(property, { seed: seed + batch, numRuns, ...limit });
    if (details.failed && details.counterexample !== null) {
      const [input] = details.counterexample;
      const { errorInstance } = details;
      const message =
        errorInstance instanceof Error
          ? (errorInstance.stack ?? errorInstance.message)
          : String(errorInstance);
      finding = { message, seed: seed + batch, input };
    }
  }
  const { ms: slowestMs, bytes: slowestBytes } = slowest;
  return { target: target.name, runs: done, outcomes, slowestMs, slowestBytes, finding };
}
