/** The tests of targets, for `make test`: a fixed seed, and few inputs. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { inSession, runTarget, testSeed } from "./run.ts";
import { type FuzzTarget, judge } from "./target.ts";

const regressions = join(import.meta.dirname, "regressions");

/** Inputs that once were a finding, by the name of their target. */
export function regressionsOf(name: string): readonly string[] {
  try {
    return readdirSync(join(regressions, name)).map((file) => join(regressions, name, file));
  } catch {
    return [];
  }
}

/** The folders of regressions that there are. */
export function regressionFolders(): readonly string[] {
  return readdirSync(regressions);
}

/** Each target is fed with so many inputs, takes some and refuses some; and what was found once stays mended. */
export function testTargets(targets: readonly FuzzTarget[]): void {
  test.each(targets.map((target) => [target.name, target] as const))(
    "%s has an answer to whatever it is fed",
    async (_name, target) => {
      const { testRuns: runs = 120 } = target;
      const { finding, outcomes } = await runTarget(target, { seed: testSeed, runs });
      expect(finding).toBeUndefined();
      const { accepted = 0, ...refused } = outcomes;
      expect(accepted).toBeGreaterThan(0);
      if (target.isTotal !== true) expect(Object.keys(refused)).not.toEqual([]);
    },
  );

  const kept = targets.filter(({ name }) => regressionsOf(name).length > 0);
  if (kept.length === 0) return;
  test.each(kept.map((target) => [target.name, target] as const))(
    "%s has an answer to what it once had none to",
    async (name, target) => {
      await inSession(target, async (session) => {
        for (const file of regressionsOf(name)) {
          await judge(target, session, new Uint8Array(readFileSync(file)));
        }
      });
    },
  );
}
