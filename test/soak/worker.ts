/** One of the many who use the same store at once: runs the commands of its plan, one after another. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RunningChild } from "../support/child.ts";
import type { Action, Ending } from "./plan.ts";
import { pause } from "./filling-disk.ts";
import type { Run } from "./run.ts";
import type { World } from "./world.ts";

/** A command that takes longer hangs: nothing that the server does takes so long. */
const hangsAfterMs = 60_000;

export interface Work {
  readonly world: World;
  readonly worker: number;
  readonly actions: Iterator<Action, never>;
  readonly nextNumber: () => number;
}

/** Runs commands until then; the last one is waited for. */
export async function work(
  { world, worker, actions, nextNumber }: Work,
  until: AbortSignal,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  while (!until.aborted) {
    const action = actions.next().value;
    runs.push(await runAction(world, worker, nextNumber(), action));
  }
  return runs;
}

export async function runAction(
  world: World,
  worker: number,
  number: number,
  action: Action,
): Promise<Run> {
  const { sandbox } = world;
  const { shelf, destination } = action;
  const startMs = performance.now();
  const catalog = shelf === undefined ? {} : { BANGER_CATALOG: world.shelfFile(shelf) };
  const child = new RunningChild({
    file: sandbox.executable,
    args: [...action.args, "--json"],
    cwd: sandbox.work,
    env: { ...sandbox.environment, ...catalog },
    timeoutMs: hangsAfterMs,
  });
  const over = new AbortController();
  const sending =
    action.ending === undefined ? undefined : cutShort(child, action.ending, over.signal);
  // It is killed then, and the judge of runs tells.
  const hung = { exitCode: null, signal: "hung" };
  const { exitCode, signal } = await child.done.catch(() => hung);
  over.abort();
  const endMs = performance.now();
  const sent = (await sending) ?? null;
  const { stdout, stderr } = child;
  const run = { number, worker, action, startMs, endMs, exitCode, signal, sent, stdout, stderr };
  if (destination === undefined) return run;
  return { ...run, exported: takeCopy(world, destination, exitCode) };
}

/** @returns the signal, if it was sent before the end */
async function cutShort(
  child: RunningChild,
  { signal, afterMs, words }: Ending,
  over: AbortSignal,
): Promise<string | undefined> {
  if (words !== undefined) {
    try {
      await child.waitForStderr(new RegExp(words), hangsAfterMs);
    } catch {
      // It ended without.
    }
  }
  await pause(afterMs, over);
  if (over.aborted || child.ended) return undefined;
  child.kill(signal);
  return signal;
}

/** What the copy is; it is removed. A command that ended by itself must leave nothing beside it. */
function takeCopy(world: World, destination: string, exitCode: number | null): string | null {
  const { work: folder } = world.sandbox;
  const copy = join(folder, destination);
  const beside = readdirSync(folder).filter((name) => name.startsWith(`.${destination}.`));
  const isThere = existsSync(copy);
  const version = world.stock.buildIn(copy)?.version ?? "torn";
  for (const name of [destination, ...beside])
    rmSync(join(folder, name), { recursive: true, force: true });
  if (exitCode !== null && beside.length > 0) return "torn";
  return isThere ? version : null;
}
