/**
 * Measures banger against the tools that it replaces: bun bench/main.ts [--runs N] [--only SUBJECT,…]
 * [--write]. With --write the results go to bench/results.json and the table to bench/README.md.
 */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
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

mkdirSync(benchFolder, { recursive: true });
const figures: Figure[] = [];
await using bench = await Bench.start(Number(values.runs));
for (const subject of values.only.split(",")) {
  const row = subjects[subject];
  if (row === undefined) throw new Error(`there is no subject ${subject}`);
  console.error(`measuring: ${subject}`);
  figures.push(...(await row(bench)));
}
console.log(formatTable(figures));
if (values.write) writeResults(describeMachine(bench), figures);
console.log(`${figures.filter(isMet).length} of ${figures.length} aims are met`);
