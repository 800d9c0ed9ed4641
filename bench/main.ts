/**
 * Measures banger against the tools that it replaces: bun bench/main.ts [--runs N] [--only SUBJECT,…]
 * [--write]. With --write the results go to bench/results.json and the table to bench/README.md.
 */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { positiveNumber, refuseUsage } from "../test/support/make-arguments.ts";
import { Bench, type Figure, type Row } from "./bench.ts";
import { benchFolder } from "./corpora.ts";
import { describeMachine, formatTable, isMet, writeResults } from "./report.ts";
import { bootRows } from "./rows/boot.ts";
import { bundleRows } from "./rows/bundle.ts";
import { crowdRows } from "./rows/crowd.ts";
import { memoryRows, pullRows } from "./rows/pull.ts";
import { executableRows, startRows } from "./rows/start.ts";
import { listRows, verifyRows } from "./rows/store.ts";

const subjects: Readonly<Record<string, Row>> = {
  pull: pullRows,
  memory: memoryRows,
  start: startRows,
  executable: executableRows,
  bundle: bundleRows,
  crowd: crowdRows,
  list: listRows,
  verify: verifyRows,
  boot: bootRows,
};

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "7" },
    only: { type: "string", default: Object.keys(subjects).join(",") },
    write: { type: "boolean", default: false },
  },
});

const usage = "bench [RUNS=7] [ONLY=pull,start] [BENCH_CONFIGS=FOLDER]";
const runs = positiveNumber("RUNS", values.runs, usage);
const chosen = values.only.split(",").map((name) => {
  const row = subjects[name];
  if (row !== undefined) return { name, row };
  return refuseUsage(`there is no ${name}; there are: ${Object.keys(subjects).join(", ")}`, usage);
});
mkdirSync(benchFolder, { recursive: true });
const figures: Figure[] = [];
await using bench = await Bench.start(runs);
for (const { name, row } of chosen) {
  console.error(`measuring: ${name}`);
  figures.push(...(await row(bench)));
}
console.log(formatTable(figures));
if (values.write) writeResults(describeMachine(bench), figures);
console.log(`${figures.filter(isMet).length} of ${figures.length} aims are met`);
