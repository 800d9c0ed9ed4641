/** The short form of `make soak`. */
import { expect } from "bun:test";
import { resolve } from "node:path";
import { mountObstacle, testUnless } from "../support/obstacles.ts";
import { soak } from "./soak.ts";

const seed = "1";

testUnless(
  mountObstacle(),
  `twenty who pull, import, remove, verify and clear up at once, by a bad server, a disk that fills up and SIGKILL, leave a store that is whole, and every success they reported was true (seed ${seed})`,
  async () => {
    const log = resolve(import.meta.dirname, `../../build/soak/test-${seed}.jsonl`);
    const report = await soak({ seed, seconds: 36, workers: 20, log });
    expect(report.findings).toEqual([]);
    expect(report.undecided).toBe(0);
    const outcomes = [...report.outcomes.keys()].join("\n");
    // That it was a soak at all.
    for (const word of ["kernel pull: done", "no-space", "SIGKILL"]) {
      expect(outcomes).toContain(word);
    }
  },
  300_000,
);
