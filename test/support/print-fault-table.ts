import { readFileSync } from "node:fs";
import * as v from "valibot";

/** Prints what the tests of the faults observed, for `make faults`. */
const observation = v.object({
  row: v.number(),
  done: v.string(),
  exit: v.union([v.number(), v.string()]),
  code: v.string(),
  store: v.string(),
});

const observations = readFileSync(process.argv[2] ?? "", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => v.parse(observation, JSON.parse(line)))
  .toSorted((a, b) => a.row - b.row);

const width = Math.max(...observations.map(({ done }) => done.length));
console.log(`\n row  ${"what was done".padEnd(width)}  exit  code                 store`);
for (const { row, done, exit, code, store } of observations) {
  console.log(
    `  ${String(row).padStart(2)}  ${done.padEnd(width)}  ${String(exit).padStart(4)}  ${code.padEnd(19)}  ${store}`,
  );
}
