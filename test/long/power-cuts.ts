/**
 * `make power-cuts`: cuts the power of every command that makes something durable, on ext4 and xfs,
 * and prints what was left. Root only.
 */
import { parseArgs } from "node:util";
import { positiveNumber, refuseUsage } from "../support/make-arguments.ts";
import { markdownTable } from "../support/markdown.ts";
import { mountObstacle } from "../support/obstacles.ts";
import { cutManyTimes, cutWithoutSync } from "../support/power-run.ts";
import {
  type FileSystem,
  fileSystems,
  powerFamilies,
  type PowerFamily,
} from "../support/power-subjects.ts";
import { RootOfTrust } from "../support/update-world.ts";

type Row = readonly (string | number)[];

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    cuts: { type: "string", default: "100" },
    jobs: { type: "string", default: "2" },
    only: { type: "string", default: "" },
  },
});
const { seed, only } = values;
const usage = "power-cuts [SEED=TEXT] [CUTS=100] [JOBS=2] [ONLY=NAME]";
const cuts = positiveNumber("CUTS", values.cuts, usage);
const jobs = positiveNumber("JOBS", values.jobs, usage);
const families = powerFamilies.filter(({ name }) => name.includes(only));
if (families.length === 0) {
  const names = powerFamilies.map(({ name }) => name).join(", ");
  refuseUsage(`there is no command ${only}; there are: ${names}`, usage);
}
const obstacle = mountObstacle();
if (obstacle !== undefined) {
  console.error(`banger: error: the power cannot be cut here: ${obstacle}`);
  process.exit(1);
}

using trust = new RootOfTrust();
const problems: string[] = [];
const work = families.flatMap((family) =>
  fileSystems.map((fileSystem) => ({ family, fileSystem })),
);
const rows = new Map<(typeof work)[number], Row>();
const left = [...work];
await Promise.all(Array.from({ length: jobs }, worker));
const head = ["command", "file system", "cuts", "at a call", "at a moment", "old", "new", "torn"];
console.log(`seed ${seed}, ${cuts} cuts of each command on each file system\n`);
console.log(
  markdownTable(
    [...head, "reported", "without fsync"],
    work.map((each) => rows.get(each) ?? []),
  ),
);
if (problems.length > 0) {
  console.log(`\n${problems.length} problems; again: make power-cuts SEED=${seed} CUTS=${cuts}`);
  for (const problem of problems) console.log(`- ${problem}`);
  process.exitCode = 1;
}

async function worker(): Promise<void> {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const row = await cutAll(next.family, next.fileSystem);
    rows.set(next, row);
    console.error(row.join(", "));
  }
}

async function cutAll({ name, start }: PowerFamily, fileSystem: FileSystem): Promise<Row> {
  await using subject = await start(fileSystem, trust);
  const tally = await cutManyTimes(subject, fileSystem, cuts, `${seed} ${name} ${fileSystem}`);
  const red = (await cutWithoutSync(subject)).filter(({ outcome }) => outcome !== "new");
  if (red.length === 0) tally.problems.push("no cut was seen without fsync");
  for (const problem of tally.problems) {
    problems.push(`${name}, ${fileSystem}: ${problem}`);
    console.error(problems.at(-1));
  }
  const { atCalls, atMoments, torn, reported } = tally;
  const counts = [atCalls + atMoments, atCalls, atMoments, tally.old, tally.new, torn, reported];
  const seen = red.map(({ loss }) => `${loss} lost`).join("; ");
  return [name, fileSystem, ...counts, red.length === 0 ? "green" : `red: ${seen}`];
}
