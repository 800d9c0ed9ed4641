/** One process of a soak, and what is known of the world it ran in. */
import type { Action } from "./plan.ts";
import type { Slot, Stock } from "./stock.ts";

/** As the log has it. Times are milliseconds of performance.now(). */
export interface Run {
  readonly number: number;
  readonly worker: number;
  readonly action: Action;
  /** Before it was started. */
  readonly startMs: number;
  /** After it had ended. */
  readonly endMs: number;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The signal that was sent to it; null: none, or it had ended before. */
  readonly sent: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What `kernel export` left at its destination: a version, `torn`, or null for nothing. */
  readonly exported?: string | null;
}

/** A catalog, and from when on it could be had. */
export interface Publication {
  readonly serial: number;
  readonly atMs: number;
  /** The version of each kernel that it has. */
  readonly offers: ReadonlyMap<Slot, string>;
}

export interface Facts {
  readonly stock: Stock;
  /** Signed, by serial. */
  readonly published: readonly Publication[];
  /** Files of catalogs, which some commands read instead. */
  readonly shelf: readonly Publication[];
  /** What `catalog update` is known to have kept at a moment: a serial. */
  readonly keptSerial: (atMs: number) => number;
  /** Whether the disk may have been full within this time. */
  readonly wasFull: (fromMs: number, toMs: number) => boolean;
}

/** Everything that the command may have read as the catalog. */
export function catalogsOf({ action, startMs, endMs }: Run, facts: Facts): readonly Publication[] {
  if (action.shelf !== undefined) return facts.shelf.slice(action.shelf, action.shelf + 1);
  const kept = facts.keptSerial(startMs);
  return facts.published.filter(({ serial, atMs }) => serial >= kept && atMs <= endMs);
}

/** The one JSON document that it printed; undefined when there is none. */
export function printed(run: Run): unknown {
  try {
    return JSON.parse(run.stdout);
  } catch {
    return undefined;
  }
}

/** How it ended, in a word: `done`, an error code, or a signal. */
export function outcomeOf(run: Run): string {
  if (run.exitCode === null) return run.signal ?? "nothing";
  if (run.exitCode === 0) return "done";
  if (run.exitCode === 7) return "done (7)";
  return errorCode(printed(run)) ?? `exit ${run.exitCode}`;
}

function errorCode(document: unknown): string | undefined {
  if (typeof document !== "object" || document === null || !("error" in document)) return undefined;
  const { error } = document;
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return String(error.code);
}

/** Whether it may have done a part of its work, or all of it, although it does not say so. */
export function mayHaveActed(run: Run): boolean {
  const acted = [
    "SIGKILL",
    "SIGINT",
    "SIGTERM",
    "interrupted",
    "terminated",
    "no-space",
    "io",
    "hung",
  ];
  return acted.includes(outcomeOf(run));
}

/** For people: one line. */
export function describeRun(run: Run): string {
  const catalog =
    run.action.shelf === undefined ? "" : ` (catalog ${run.action.shelf} of the shelf)`;
  const said = run.stderr.trim().split("\n").at(-1) ?? "";
  const sent = run.sent === null ? "" : `, sent ${run.sent}`;
  return `#${run.number} banger ${run.action.args.join(" ")}${catalog}: ${outcomeOf(run)}${sent} [${Math.round(run.startMs)}–${Math.round(run.endMs)}] ${said}`;
}
