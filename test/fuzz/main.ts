/**
 * `make fuzz`: every target in turn, each in a process of its own, until the time is over.
 *
 *   main.ts [--seed N] [--minutes N] [--target NAME] [--replay FILE], where an empty value is none
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { positiveNumber, refuseUsage } from "../support/make-arguments.ts";
import { allTargets, targetNamed } from "./all-targets.ts";
import type { SliceReport } from "./slice.ts";

const repository = resolve(import.meta.dirname, "../..");
const crashes = join(repository, "build/fuzz/crashes");
/** How long a target has its turn, in seconds. */
const turnSeconds = 6;
/** How much longer its process may take: to make its inputs, and for the last of them. */
const graceSeconds = 60;
/** No target may need more. */
const maxPeakMib = 1200;

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly inTime: boolean;
}

function slice(args: readonly string[], seconds: number): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "slice.ts"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr, inTime] = ["", "", true];
    child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => (stderr = (stderr + bytes.toString()).slice(-4000)));
    const watch = setTimeout(() => {
      inTime = false;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.on("error", fail);
    child.on("close", (exitCode) => {
      clearTimeout(watch);
      done({ exitCode, stdout, stderr, inTime });
    });
  });
}

interface Total {
  runs: number;
  seconds: number;
  readonly outcomes: Map<string, number>;
  slowestMs: number;
  slowestBytes: number;
  peakMib: number;
  findings: number;
}

const totals = new Map<string, Total>();

function totalOf(name: string): Total {
  const known = totals.get(name);
  if (known !== undefined) return known;
  const total: Total = {
    runs: 0,
    seconds: 0,
    outcomes: new Map(),
    slowestMs: 0,
    slowestBytes: 0,
    peakMib: 0,
    findings: 0,
  };
  totals.set(name, total);
  return total;
}

/** Keeps the input of a finding, and says how to run it again. */
function keep(name: string, seed: number, input: Uint8Array, message: string): void {
  const folder = join(crashes, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${createHash("sha256").update(input).digest("hex").slice(0, 12)}.bin`);
  const isNew = !existsSync(file);
  writeFileSync(file, input);
  totalOf(name).findings += 1;
  if (!isNew) return;
  console.log(
    `\n${name}: FOUND with seed ${seed}, ${input.length} bytes: ${message.slice(0, 2000)}`,
  );
  console.log(`  make fuzz TARGET=${name} REPLAY=${relative(repository, file)}\n`);
}

/** A process that did not end, or ended badly: the same again, with each input written down before it is run. */
async function findAgain(name: string, seed: number, seconds: number, why: string): Promise<void> {
  mkdirSync(crashes, { recursive: true });
  const trace = join(crashes, `${name}.trace`);
  const limit = seconds + 2 * graceSeconds;
  const again = await slice(["run", name, String(seed), String(seconds), trace], limit);
  if (again.inTime && again.exitCode === 0) {
    totalOf(name).findings += 1;
    console.log(`\n${name}: FOUND with seed ${seed}, but not a second time: ${why}\n`);
    return;
  }
  keep(name, seed, new Uint8Array(readFileSync(trace)), why);
  renameSync(trace, `${trace}.last`);
}

async function turn(name: string, seed: number, seconds: number): Promise<void> {
  const startedMs = performance.now();
  const end = await slice(["run", name, String(seed), String(seconds)], seconds + graceSeconds);
  const total = totalOf(name);
  total.seconds += (performance.now() - startedMs) / 1000;
  if (!end.inTime || end.exitCode !== 0) {
    const why = end.inTime ? `it ended with ${end.exitCode}: ${end.stderr}` : "it did not end";
    await findAgain(name, seed, seconds, why);
    return;
  }
  const report = readReport(end.stdout);
  total.runs += report.runs;
  for (const [outcome, count] of Object.entries(report.outcomes)) {
    total.outcomes.set(outcome, (total.outcomes.get(outcome) ?? 0) + count);
  }
  if (report.slowestMs > total.slowestMs) {
    Object.assign(total, { slowestMs: report.slowestMs, slowestBytes: report.slowestBytes });
  }
  total.peakMib = Math.max(total.peakMib, report.peakMib);
  if (report.peakMib > maxPeakMib) {
    total.findings += 1;
    console.log(`\n${name}: FOUND with seed ${seed}: it had ${report.peakMib} MiB\n`);
  }
  const { finding } = report;
  if (finding !== undefined) {
    keep(name, finding.seed, new Uint8Array(Buffer.from(finding.input, "base64")), finding.message);
  }
}

function readReport(stdout: string): SliceReport {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own slice.ts wrote it
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as SliceReport;
}

function printTotals(seed: number): void {
  const lines = [...totals].map(([name, total]) => {
    const each = [...total.outcomes].map(([outcome, count]) => `${outcome} ${count}`).sort();
    const rate = (total.runs / Math.max(0.001, total.seconds)).toFixed(0);
    const slowest = `${total.slowestMs.toFixed(0)} ms for ${total.slowestBytes} bytes`;
    const found = total.findings === 0 ? "" : `; FOUND ${total.findings}`;
    return `${name}: ${total.runs} runs, ${rate}/s; ${each.join(", ")}; slowest ${slowest}; ${total.peakMib} MiB${found}`;
  });
  const all = [...totals.values()];
  const runs = all.reduce((sum, total) => sum + total.runs, 0);
  const findings = all.reduce((sum, total) => sum + total.findings, 0);
  console.log(
    `\n${lines.join("\n")}\n\nseed ${seed}: ${totals.size} targets, ${runs} runs, ${findings} findings`,
  );
}

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    minutes: { type: "string" },
    target: { type: "string" },
    replay: { type: "string" },
  },
});
const usage = "fuzz [SEED=N] [MINUTES=5] [TARGET=NAME [REPLAY=FILE]]";
const { target, replay } = values;
if (target && !allTargets.some(({ name }) => name === target)) {
  const known = allTargets.map(({ name }) => name).join(", ");
  refuseUsage(`there is no target ${target}; there are: ${known}`, usage);
}
if (replay && !existsSync(replay)) refuseUsage(`there is no file ${replay}`, usage);
if (replay && target) {
  const end = await slice(["replay", targetNamed(target).name, resolve(replay)], graceSeconds);
  console.log(end.inTime ? `${end.stdout}${end.stderr}`.trim() : "it did not end");
  process.exit(end.inTime && end.exitCode === 0 ? 0 : 1);
}
const names = target ? [targetNamed(target).name] : allTargets.map(({ name }) => name);
const seed = values.seed
  ? positiveNumber("SEED", values.seed, usage)
  : Math.floor(Math.random() * 2 ** 30);
const minutes = positiveNumber("MINUTES", values.minutes || "5", usage);
const endMs = performance.now() + minutes * 60_000;
// Each has its turn, however short the time is.
const seconds = Math.max(1, Math.min(turnSeconds, (minutes * 60) / names.length - 1));
console.log(`seed ${seed}: ${names.length} targets, ${minutes} minutes`);
for (let round = 0; round === 0 || performance.now() < endMs; round += 1) {
  for (const name of names) {
    if (round > 0 && performance.now() >= endMs) break;
    // Far from the seeds of another turn: each batch takes the next one.
    await turn(name, seed + round * 1_000_003, seconds);
  }
}
printTotals(seed);
process.exit([...totals.values()].some(({ findings }) => findings > 0) ? 1 : 0);
