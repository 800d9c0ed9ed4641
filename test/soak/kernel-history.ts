/** What the answers of commands say of a kernel's name: what it leads to, and what `rollback` would lead it to. */
import * as v from "valibot";
import type { Operation } from "./history.ts";
import {
  catalogsOf,
  describeRun,
  type Facts,
  mayHaveActed,
  outcomeOf,
  printed,
  type Run,
} from "./run.ts";
import { buildLabel, kernels, type Slot } from "./stock.ts";

/** A state is `CURRENT|PREVIOUS`: labels of builds, or `-` where there is none. */
export const nothing = "-|-";

export function stateOf(current: string | undefined, previous: string | undefined): string {
  return `${current ?? "-"}|${previous ?? "-"}`;
}

function parts(state: string): readonly [current: string, previous: string] {
  const [current = "-", previous = "-"] = state.split("|");
  return [current, previous];
}

/** What a run did to, or saw of, a slot. */
export interface SlotOperation extends Operation {
  readonly slot: Slot;
}

type Outcomes = Operation["outcomes"];

const build = { kernel_version: v.string(), source: v.nullable(v.string()) };
const changed = v.object({ ...build, outcome: v.string() });
const pullDocument = v.object({ results: v.tuple([changed]) });
const rollbackDocument = v.object({ ...build, before: v.nullable(v.string()) });
const listed = v.object({
  name: v.string(),
  arch: v.string(),
  kernel_version: v.nullable(v.string()),
  source: v.nullable(v.string()),
});
const listDocument = v.object({ kernels: v.array(listed) });
const showDocument = v.object({ installed: v.nullable(v.object(build)) });
const verified = v.object({
  name: v.string(),
  arch: v.string(),
  checked_bytes: v.number(),
  error: v.nullable(v.unknown()),
});
const verifyDocument = v.object({ kernels: v.array(verified) });

/** All that a run says of kernels; what it says in another form than documented is told by the judge of runs. */
export function kernelOperations(run: Run, facts: Facts): readonly SlotOperation[] {
  const { slot } = run.action;
  if (outcomeOf(run) === "done") return successes(run, facts);
  if (slot === undefined) return [];
  if (mayHaveActed(run)) {
    const outcomes = perhaps(run, facts);
    return outcomes === undefined ? [] : [operation(run, slot, "perhaps", outcomes)];
  }
  const isSo = refusal(run);
  return isSo === undefined
    ? []
    : [operation(run, slot, "reading", (state) => (isSo(state) ? [state] : []))];
}

function operation(
  run: Run,
  slot: Slot,
  kind: Operation["kind"],
  outcomes: Outcomes,
): SlotOperation {
  const { startMs, endMs } = run;
  return { slot, label: describeRun(run), startMs, endMs, kind, outcomes };
}

function successes(run: Run, facts: Facts): readonly SlotOperation[] {
  const { slot, verb, args } = run.action;
  const document = printed(run);
  const reading = (place: Slot, isSo: (current: string) => boolean): SlotOperation =>
    operation(run, place, "reading", (state) => (isSo(parts(state)[0]) ? [state] : []));
  if (slot === undefined) {
    if (verb === "kernel list" && v.is(listDocument, document)) {
      return kernels.map((kernel) => {
        const found = document.kernels.find((one) => isOf(one, kernel));
        const label =
          found === undefined
            ? "-"
            : buildLabel(String(found.source), String(found.kernel_version));
        return reading(kernel.slot, (current) => current === label);
      });
    }
    if (verb === "kernel verify" && v.is(verifyDocument, document)) {
      return kernels.flatMap((kernel) => verifiedAs(reading, facts, document, kernel));
    }
    return [];
  }
  switch (verb) {
    case "kernel pull":
      if (!v.is(pullDocument, document)) return [];
      return [published(run, slot, document.results[0])];
    case "kernel import":
      return v.is(changed, document) ? [published(run, slot, document)] : [];
    case "kernel rm":
      return [
        operation(run, slot, "change", (state) => (parts(state)[0] === "-" ? [] : [nothing])),
      ];
    case "kernel rollback": {
      if (!v.is(rollbackDocument, document)) return [];
      const label = buildLabel(String(document.source), document.kernel_version);
      const outcomes: Outcomes = (state) => {
        const [current, previous] = parts(state);
        const isSo = previous === label && current.endsWith(` ${document.before}`);
        return isSo ? [stateOf(previous, current)] : [];
      };
      return [operation(run, slot, "change", outcomes)];
    }
    case "kernel show": {
      if (!v.is(showDocument, document)) return [];
      const { installed } = document;
      const label =
        installed === null ? "-" : buildLabel(String(installed.source), installed.kernel_version);
      return [reading(slot, (current) => current === label)];
    }
    case "kernel verify": {
      const kernel = kernels.find((one) => one.slot === slot);
      if (kernel === undefined || !v.is(verifyDocument, document)) return [];
      return verifiedAs(reading, facts, document, kernel);
    }
    case "kernel export":
      return [reading(slot, (current) => current.endsWith(` ${run.exported}`))];
    case "image register":
      return args.includes("--kernel-ref") ? [reading(slot, (current) => current !== "-")] : [];
    default:
      return [];
  }
}

function isOf(
  one: { name: string; arch: string },
  kernel: { name: string; arch: string },
): boolean {
  return one.name === kernel.name && one.arch === kernel.arch;
}

function verifiedAs(
  reading: (slot: Slot, isSo: (current: string) => boolean) => SlotOperation,
  { stock }: Facts,
  document: v.InferOutput<typeof verifyDocument>,
  kernel: (typeof kernels)[number],
): readonly SlotOperation[] {
  const found = document.kernels.find((one) => isOf(one, kernel));
  if (found === undefined) return [reading(kernel.slot, (current) => current === "-")];
  if (found.error !== null) return [];
  const version = stock.ofSize(kernel.slot, found.checked_bytes)?.version;
  return [reading(kernel.slot, (current) => current.endsWith(` ${version}`))];
}

/** A pull or an import that succeeded. */
function published(run: Run, slot: Slot, result: v.InferOutput<typeof changed>): SlotOperation {
  const label = buildLabel(String(result.source), result.kernel_version);
  const { outcome } = result;
  const outcomes: Outcomes = (state) => {
    const [current, previous] = parts(state);
    switch (outcome) {
      case "current":
      case "repaired":
        return current === label ? [state] : [];
      case "installed":
        return current === "-" ? [stateOf(label, previous)] : [];
      case "updated":
        return current === "-" || current === label ? [] : [stateOf(label, current)];
      default:
        return [];
    }
  };
  const isReading = outcome === "current" || outcome === "repaired";
  return operation(run, slot, isReading ? "reading" : "change", outcomes);
}

/** A run that was cut short, or that the disk refused: what it may have left besides what was there. */
function perhaps(run: Run, facts: Facts): Outcomes | undefined {
  const { verb, slot = "", version } = run.action;
  switch (verb) {
    case "kernel pull": {
      const versions = catalogsOf(run, facts).flatMap(({ offers }) => offers.get(slot) ?? []);
      return perhapsPublished([...new Set(versions)].map((one) => buildLabel("catalog", one)));
    }
    case "kernel import":
      return perhapsPublished([buildLabel("import", String(version))]);
    case "kernel rm":
      return (state) => [...new Set([stateOf(parts(state)[0], "-"), nothing])];
    case "kernel rollback":
      return (state) => {
        const [current, previous] = parts(state);
        return previous === "-" ? [] : [stateOf(previous, current)];
      };
    default:
      return undefined;
  }
}

/** The link to the previous build alone, which then leads to the current one and counts as none; or all. */
function perhapsPublished(labels: readonly string[]): Outcomes {
  return (state) => {
    const [current, previous] = parts(state);
    const whole = labels
      .filter((label) => label !== current)
      .map((label) => stateOf(label, current === "-" ? previous : current));
    return current === "-" ? whole : [...new Set([stateOf(current, "-"), ...whole])];
  };
}

/** What a refusal says of the state. */
function refusal(run: Run): ((state: string) => boolean) | undefined {
  const { verb } = run.action;
  switch (`${verb}: ${outcomeOf(run)}`) {
    case "kernel rm: not-found":
    case "kernel show: not-found":
    case "kernel verify: not-found":
    case "kernel export: not-found":
    case "image register: not-found":
      return (state) => parts(state)[0] === "-";
    case "kernel rollback: not-found":
      return (state) => parts(state).includes("-");
    case "kernel import: refused":
      return (state) => parts(state)[0].startsWith("catalog ");
    case "kernel pull: refused":
      return (state) => parts(state)[0] !== "-";
    default:
      return undefined;
  }
}
