/** Whether one process ended as documented, and what it reported can be. */
import * as v from "valibot";
import { assertNoBugShown } from "../support/sandbox.ts";
import type { Verb } from "./plan.ts";
import { catalogsOf, describeRun, type Facts, outcomeOf, printed, type Run } from "./run.ts";

const exitCodes: Readonly<Record<string, number>> = {
  refused: 1,
  "no-space": 1,
  "not-found": 3,
  "verification-failed": 4,
  network: 5,
  timeout: 5,
  busy: 6,
  interrupted: 130,
  terminated: 143,
};

/** What each may answer besides what all may: success, a full disk, and the signal that it got. */
const answers: Readonly<Record<Verb, readonly string[]>> = {
  "kernel pull": ["not-found", "refused", "verification-failed", "network", "timeout", "busy"],
  "kernel rm": ["not-found", "refused", "busy"],
  "kernel import": ["refused"],
  "kernel rollback": ["not-found"],
  "kernel verify": ["not-found", "busy"],
  "kernel gc": ["busy"],
  "kernel list": [],
  "kernel show": ["not-found"],
  "kernel export": ["not-found", "busy"],
  "kernel outdated": ["done (7)"],
  "image register": ["not-found", "refused"],
  "image rm": ["not-found"],
  "image list": [],
  "catalog update": ["verification-failed", "network", "timeout"],
  "catalog status": [],
};

const ownSignal: Readonly<Record<string, string>> = {
  SIGKILL: "SIGKILL",
  SIGINT: "SIGINT",
  interrupted: "SIGINT",
  SIGTERM: "SIGTERM",
  terminated: "SIGTERM",
};

/** What is wrong with it: one line each, none when all is well. */
export function judgeRun(run: Run, facts: Facts): readonly string[] {
  return [...problems(run, facts)].map((problem) => `${problem}: ${describeRun(run)}`);
}

function* problems(run: Run, facts: Facts): Generator<string, void> {
  const outcome = outcomeOf(run);
  const signal = ownSignal[outcome];
  try {
    assertNoBugShown(run.action.args, run);
  } catch {
    yield `shows a bug: ${run.stdout}${run.stderr}`;
  }
  const odd = /\bundefined\b|\[object |\bNaN\b|[A-Z][a-zA-Z]*Error:/.exec(
    `${run.stdout}${run.stderr}`,
  );
  if (odd !== null) yield `says "${odd[0]}"`;
  if (signal !== undefined) {
    if (run.sent !== signal) yield `ended by ${signal}, which nobody sent`;
  } else if (outcome === "no-space") {
    if (!facts.wasFull(run.startMs, run.endMs)) yield "the disk was not full";
  } else if (outcome !== "done" && !answers[run.action.verb].includes(outcome)) {
    yield `not an answer that it may give: ${run.stdout.slice(0, 600)}`;
  }
  if (run.exitCode === null) return;
  const document = printed(run);
  if (document === undefined) yield `exit ${run.exitCode} without a JSON document`;
  const exitCode = exitCodes[outcome];
  if (exitCode !== undefined && exitCode !== run.exitCode)
    yield `${outcome} has exit code ${run.exitCode}`;
  if (outcome === "done") yield* untruths(run, document, facts);
  if (outcome !== "done" && typeof run.exported === "string") yield "left a copy all the same";
}

const pulled = v.object({
  results: v.tuple([
    v.object({
      kernel_version: v.string(),
      tarball_sha256: v.string(),
      source: v.literal("catalog"),
    }),
  ]),
});
const standings = v.object({ kernels: v.array(v.object({ standing: v.string() })) });
const verdicts = v.object({ kernels: v.array(v.object({ ok: v.boolean() })) });
const updated = v.object({ serial: v.number() });

/** What a success says that cannot be. What it says of states is for the histories to judge. */
function* untruths(run: Run, document: unknown, facts: Facts): Generator<string, void> {
  const { verb, slot = "" } = run.action;
  const unread = `not the documented document: ${run.stdout.slice(0, 600)}`;
  switch (verb) {
    case "kernel pull": {
      if (!v.is(pulled, document)) return yield unread;
      const [{ kernel_version: version, tarball_sha256: sha256 }] = document.results;
      const isOffered = catalogsOf(run, facts).some(({ offers }) => offers.get(slot) === version);
      if (!isOffered) yield `no catalog that it can have read has ${version}`;
      if (facts.stock.find(slot, version).entry.tarball_sha256 !== sha256)
        yield `${version} is not ${sha256}`;
      return;
    }
    case "kernel list":
      if (!v.is(standings, document)) return yield unread;
      if (document.kernels.some(({ standing }) => standing === "damaged"))
        yield "says that a kernel is damaged";
      return;
    case "kernel verify":
      if (!v.is(verdicts, document)) return yield unread;
      if (document.kernels.some(({ ok }) => !ok))
        yield "says that a kernel is not whole, and exits with 0";
      return;
    case "kernel export":
      if (typeof run.exported !== "string" || run.exported === "torn")
        yield `the copy is ${run.exported}`;
      return;
    case "catalog update": {
      if (!v.is(updated, document)) return yield unread;
      const serials = facts.published.map(({ serial }) => serial);
      const before = facts.published.filter(({ atMs }) => atMs < run.startMs).at(-1)?.serial ?? 0;
      const after = facts.published.filter(({ atMs }) => atMs <= run.endMs).at(-1)?.serial ?? 0;
      const { serial } = document;
      if (!serials.includes(serial) || serial < before || serial > after) {
        yield `has catalog ${serial}, there were ${before} to ${after}`;
      }
      return;
    }
    default:
  }
}
