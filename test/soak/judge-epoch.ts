/** Whether all that was reported between two quiet moments can be true together. */
import { explain, type Operation } from "./history.ts";
import { imageOperations, noImage } from "./image-history.ts";
import { judgeRun } from "./judge-run.ts";
import { kernelOperations, nothing } from "./kernel-history.ts";
import { images } from "./plan.ts";
import type { Facts, Run } from "./run.ts";
import type { StoreOnDisk } from "./store-on-disk.ts";
import { kernels } from "./stock.ts";

export interface EpochVerdict {
  /** What is wrong. */
  readonly findings: readonly string[];
  /** Kernels and images whose history was looked at, and in how many of these there were too many orders. */
  readonly histories: number;
  readonly undecided: number;
  /** Answers that had a place in a history. */
  readonly operations: number;
}

/** @param before what was on disk when the runs began. @param after what is there now that all have ended. */
export function judgeEpoch(
  runs: readonly Run[],
  before: StoreOnDisk,
  after: StoreOnDisk,
  facts: Facts,
): EpochVerdict {
  const findings = [...after.problems, ...runs.flatMap((run) => judgeRun(run, facts))];
  let [histories, undecided, count] = [0, 0, 0];
  const judge = (
    what: string,
    first: string,
    operations: readonly Operation[],
    last: string,
  ): void => {
    histories += 1;
    count += operations.length;
    const verdict = explain(first, operations, last);
    if (verdict.kind === "undecided") undecided += 1;
    if (verdict.kind !== "impossible") return;
    const lines = [
      `${what} was ${first} and is ${last}: no order of what was reported explains that`,
      ...verdict.order.slice(-12).map((line) => `  can have been: ${line}`),
      ...verdict.rest.slice(0, 12).map((line) => `  cannot follow: ${line}`),
    ];
    findings.push(lines.join("\n"));
  };
  const ofKernels = runs.flatMap((run) => kernelOperations(run, facts));
  for (const { slot } of kernels) {
    const operations = ofKernels.filter((one) => one.slot === slot);
    judge(
      slot,
      before.kernels.get(slot) ?? nothing,
      operations,
      after.kernels.get(slot) ?? nothing,
    );
  }
  const ofImages = runs.flatMap((run) => imageOperations(run));
  for (const image of images) {
    const operations = ofImages.filter((one) => one.image === image);
    judge(
      `the image ${image}`,
      before.images.get(image) ?? noImage,
      operations,
      after.images.get(image) ?? noImage,
    );
  }
  return { findings, histories, undecided, operations: count };
}
