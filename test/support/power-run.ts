/** Cuts the power of a command many times, at its calls and at any moment, and counts what is left. */
import { bangerOnMainThread, changesBelow } from "./main-thread.ts";
import { cutPower, type Loss, losses, powerUp, shutDown } from "./power-cut.ts";
import type { FileSystem, PowerSubject } from "./power-subjects.ts";
import type { ChildResult } from "./sandbox.ts";
import { randomBytesOf } from "./small-kernel.ts";
import { mutatingSyscalls, straceInject } from "./strace.ts";

/** What came of the cuts of one command on one file system. */
export interface PowerTally {
  /** Cuts right before a call that changes the state folder: the command was killed there. */
  atCalls: number;
  /** Cuts beneath the running command. */
  atMoments: number;
  old: number;
  new: number;
  /** Neither the old state nor the new one, or a reported success that is not there. */
  torn: number;
  /** How often the command reported success before the cut. */
  reported: number;
  readonly problems: string[];
}

/** Every mutating call takes so much longer, so that a moment can fall between any two of them. */
const delayUs = 2000;
const slow = `${mutatingSyscalls.map((name) => `?${name}`).join(",")}:delay_enter=${delayUs}`;

/**
 * Cuts a command as often as told: half of it right before one of its calls, half at a moment.
 *
 * @param seed decides on calls and moments; with the same one the calls are the same again.
 */
export async function cutManyTimes(
  subject: PowerSubject,
  fileSystem: FileSystem,
  cuts: number,
  seed: string,
): Promise<PowerTally> {
  const tally: PowerTally = {
    atCalls: 0,
    atMoments: 0,
    old: 0,
    new: 0,
    torn: 0,
    reported: 0,
    problems: [],
  };
  subject.putBack();
  const whole = await bangerOnMainThread(subject.sandbox, subject.args);
  const points = changesBelow(whole.calls, subject.sandbox.state);
  if (whole.result.exitCode !== 0 || points.length === 0) {
    throw new Error(`it cannot be cut: ${whole.result.stderr}`);
  }
  const rules = [
    ...points.map(({ syscall, when }) => [`${syscall}:signal=KILL:when=${when}`]),
    [], // right after its end
  ];
  const order = rules.toSorted(
    (a, b) => chance(`${seed} order ${a.join()}`) - chance(`${seed} order ${b.join()}`),
  );
  subject.putBack();
  const slowed = await bangerOnMainThread(subject.sandbox, subject.args, [slow]);
  const { durationMs } = slowed.result;

  for (let cut = 0; cut < cuts; cut++) {
    const turn = Math.floor(cut / 2);
    subject.putBack();
    if (cut % 2 === 0) {
      // Each round over the calls begins with the other kind of loss.
      const loss = losses[(turn + Math.floor(turn / order.length)) % losses.length] ?? "contents";
      const rule = order[turn % order.length] ?? [];
      const { result } = await bangerOnMainThread(subject.sandbox, subject.args, rule);
      await cutPower(subject.folder, loss);
      tally.atCalls += 1;
      if (result.signal !== "SIGKILL" && result.exitCode !== 0) {
        tally.problems.push(`${rule.join()}: exit ${result.exitCode}: ${result.stderr}`);
      }
      await count(subject, tally, result, `${rule.join() || "after its end"}, ${loss} lost`);
    } else {
      const loss = losses[turn % losses.length] ?? "contents";
      const momentMs = Math.round(durationMs * (0.2 + 0.9 * chance(`${seed} moment ${turn}`)));
      const where = `after ${momentMs} ms, ${loss} lost`;
      const { result, wasOver } = await cutBeneath(subject, momentMs, loss);
      tally.atMoments += 1;
      if (result instanceof Error) tally.problems.push(`${where}: ${result.message}`);
      await count(subject, tally, wasOver || fileSystem !== "xfs" ? result : undefined, where);
    }
  }
  return tally;
}

/**
 * Cuts the power while the command runs, which then ends by itself.
 *
 * What it says after the cut is no promise: it could not have said it. On xfs it may be untrue, since an
 * fsync of a folder succeeds there once the file system is shut down (seen on Linux 6.18; ext4 says EIO).
 *
 * @returns how it ended, an error when it did not or not as a command may; and whether that was before the cut.
 */
async function cutBeneath(
  subject: PowerSubject,
  momentMs: number,
  loss: Loss,
): Promise<{ readonly result: ChildResult | Error; readonly wasOver: boolean }> {
  let isOver = false;
  const running = Promise.allSettled([
    bangerOnMainThread(subject.sandbox, subject.args, [slow]).finally(() => {
      isOver = true;
    }),
  ] as const);
  await new Promise((resolve) => {
    setTimeout(resolve, momentMs);
  });
  const wasOver = isOver;
  shutDown(subject.folder, loss);
  const [ended] = await running;
  await powerUp(subject.folder);
  if (ended.status === "rejected") return { result: new Error(String(ended.reason)), wasOver };
  const { result } = ended.value;
  if (result.exitCode === 0 || result.exitCode === 1) return { result, wasOver };
  const words = `it ended with ${result.exitCode ?? result.signal}: ${result.stderr}`;
  return { result: new Error(words), wasOver };
}

/** @param result how the command ended; undefined when that is not to be believed. */
async function count(
  subject: PowerSubject,
  tally: PowerTally,
  result: ChildResult | Error | undefined,
  where: string,
): Promise<void> {
  const outcome = await subject.outcome();
  const isReported = result !== undefined && "exitCode" in result && result.exitCode === 0;
  if (isReported) tally.reported += 1;
  if (outcome === "new") {
    tally.new += 1;
  } else if (outcome === "old" && !isReported) {
    tally.old += 1;
  } else {
    tally.torn += 1;
    const before = isReported ? "success was reported, and then: " : "";
    tally.problems.push(`${where}: ${before}${outcome}`);
  }
  for (const problem of await subject.problemsLater()) tally.problems.push(`${where}: ${problem}`);
}

/**
 * The negative control: with fsync, fdatasync and syncfs that do nothing and say that they did, on
 * any thread, a power cut after success must be seen.
 *
 * @returns for each kind of loss what was found, `new` where nothing was.
 */
export async function cutWithoutSync(
  subject: PowerSubject,
): Promise<readonly { readonly loss: Loss; readonly outcome: string }[]> {
  const found: { loss: Loss; outcome: string }[] = [];
  for (const loss of losses) {
    subject.putBack();
    const { result } = await straceInject({
      file: subject.sandbox.executable,
      args: subject.args,
      env: subject.sandbox.environment,
      cwd: subject.sandbox.work,
      rules: ["fsync,fdatasync,syncfs:retval=0"],
    });
    if (result.exitCode !== 0) throw new Error(`it fails without fsync: ${result.stderr}`);
    await cutPower(subject.folder, loss);
    found.push({ loss, outcome: await subject.outcome() });
  }
  return found;
}

/** A number from 0 to below 1 that is always the same for one seed. */
function chance(seed: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = randomBytesOf(seed, 4);
  return (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32;
}
