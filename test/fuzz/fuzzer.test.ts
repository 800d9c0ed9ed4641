import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import { allTargets } from "./all-targets.ts";
import { runTarget } from "./run.ts";
import { regressionFolders } from "./sound-targets.ts";
import { bytesOf, type FuzzTarget, textOf } from "./target.ts";

/** A target with a parser that is wrong in one way. */
function targetOf(run: (text: string) => void, changes: Partial<FuzzTarget> = {}): FuzzTarget {
  return {
    name: "made",
    codes: ["failed"],
    start: () => ({
      corpus: [bytesOf("number 12 in a text")],
      run: (input) => {
        run(textOf(input));
        return "accepted";
      },
    }),
    ...changes,
  };
}

const refuse = (code: "failed" | "io") => (text: string) => {
  if (text.length % 2 === 0) throw new BangerError(code, "no");
};

describe("fuzzing", () => {
  test("finds what throws anything but a BangerError, and makes it small", async () => {
    const target = targetOf((text) => {
      if (text.includes("4294967295")) throw new TypeError("a bug");
    });
    const { finding } = await runTarget(target, { seed: 1, runs: 5000 });
    expect(finding?.message).toContain("a bug");
    expect(finding?.input.length).toBeLessThan(60);
  });

  test("finds a code that is not documented, and counts those that are", async () => {
    const sound = await runTarget(targetOf(refuse("failed")), { seed: 1, runs: 200 });
    expect(sound.finding).toBeUndefined();
    expect((sound.outcomes.accepted ?? 0) + (sound.outcomes.failed ?? 0)).toBe(200);
    const other = await runTarget(targetOf(refuse("io")), { seed: 1, runs: 200 });
    expect(other.finding?.message).toContain("refused with io");
  });

  test("finds a message without an end, and a parser that writes into its input", async () => {
    const endless = targetOf(() => {
      throw new BangerError("failed", "x".repeat(20_000));
    });
    expect((await runTarget(endless, { seed: 1, runs: 5 })).finding?.message).toContain("20000");
    const writing = targetOf(() => {}, {
      start: () => ({
        corpus: [bytesOf("abc")],
        run: (input) => {
          input.fill(0);
          return "accepted";
        },
      }),
    });
    const { finding } = await runTarget(writing, { seed: 1, runs: 50 });
    expect(finding?.message).toContain("written to");
  });

  test("finds the same with the same seed", async () => {
    const target = targetOf((text) => {
      if (text.length > 40) throw new Error(text);
    });
    const run = () => runTarget(target, { seed: 7, runs: 500 });
    const [first, second] = [await run(), await run()];
    expect(first.finding).toBeDefined();
    expect(second).toEqual(first);
  });
});

describe("the targets", () => {
  test("have names of their own, in kebab-case", () => {
    const names = allTargets.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name))).toEqual([]);
  });

  test("are there for each folder of regressions", () => {
    const names = new Set(allTargets.map(({ name }) => name));
    expect(regressionFolders().filter((folder) => !names.has(folder))).toEqual([]);
  });
});
