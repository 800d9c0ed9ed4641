/**
 * One target for some seconds, in a process of its own: a parser that does not end, or takes all memory, ends
 * this process and no other.
 *
 *   slice.ts run TARGET SEED SECONDS [TRACE]   prints a report as one line of JSON
 *   slice.ts replay TARGET FILE                runs one input
 */
import { readFileSync, writeFileSync } from "node:fs";
import { inSession, type Report, runTarget } from "./run.ts";
import { judge } from "./target.ts";
import { targetNamed } from "./all-targets.ts";

/** More processor time for one input of at most a MiB is a finding. */
const slowMs = 3000;

/** What a slice prints. The input of a finding is in base64. */
export interface SliceReport extends Omit<Report, "finding"> {
  readonly finding:
    | { readonly message: string; readonly seed: number; readonly input: string }
    | undefined;
  /** The most memory that the process had, in MiB. */
  readonly peakMib: number;
}

async function run(name: string, seed: number, seconds: number, trace?: string): Promise<void> {
  const report = await runTarget(targetNamed(name), {
    seed,
    forMs: seconds * 1000,
    slowMs,
    trace: trace === undefined ? undefined : (input) => writeFileSync(trace, input),
  });
  const { finding } = report;
  const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
  const input = finding && Buffer.from(finding.input).toString("base64");
  const told: SliceReport = {
    ...report,
    finding: finding && { message: finding.message, seed: finding.seed, input: input ?? "" },
    peakMib,
  };
  console.log(JSON.stringify(told));
}

async function replay(name: string, file: string): Promise<void> {
  const target = targetNamed(name);
  const input = new Uint8Array(readFileSync(file));
  console.log(await inSession(target, (session) => judge(target, session, input)));
}

const [verb, name = "", third = "", seconds = "", trace] = process.argv.slice(2);
if (verb === "replay") await replay(name, third);
else await run(name, Number(third), Number(seconds), trace);
// Sockets that a server forgot keep nobody waiting.
process.exit(0);
