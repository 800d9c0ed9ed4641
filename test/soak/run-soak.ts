/** What `make soak` runs: SEED, MINUTES and WORKERS tell it which, how long and how many. */
import { resolve } from "node:path";
import { positiveNumber, refuseUsage } from "../support/make-arguments.ts";
import { soak, type SoakReport } from "./soak.ts";

const seed = process.env["SEED"] || String(Date.now() % 1_000_000);
const usage = "soak [SEED=N] [MINUTES=10] [WORKERS=20]";
if (!/^\w+$/.test(seed))
  refuseUsage(`SEED is digits and letters, not ${JSON.stringify(seed)}`, usage);
const minutes = positiveNumber("MINUTES", process.env["MINUTES"] || "10", usage);
const workers = positiveNumber("WORKERS", process.env["WORKERS"] || "20", usage);
const log = resolve(import.meta.dirname, `../../build/soak/${seed}.jsonl`);

console.log(
  `soak: seed ${seed}, ${minutes} minutes, ${workers} workers; replay: make soak SEED=${seed} MINUTES=${minutes} WORKERS=${workers}`,
);
const report = await soak({
  seed,
  seconds: minutes * 60,
  workers,
  log,
  say: (line) => {
    console.log(line);
  },
});
print(report);
process.exitCode = report.findings.length === 0 ? 0 : 1;

function print(result: SoakReport): void {
  const { outcomes, answers, signals } = result;
  console.log(table("commands", outcomes));
  console.log(table("answers of the server", answers));
  console.log(table("signals", signals));
  console.log(
    [
      `${result.runs} processes, ${result.catalogs} catalogs, the disk was full ${result.fullDisks} times`,
      `${result.looks} looks at the store, ${result.operations} answers in ${result.histories} histories, ${result.undecided} undecided`,
      `log: ${log}`,
      `seed ${seed}: ${result.findings.length} findings`,
    ].join("\n"),
  );
}

function table(title: string, counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [`${title}:`, ...rows.map(([key, count]) => `${String(count).padStart(7)}  ${key}`)].join(
    "\n",
  );
}
