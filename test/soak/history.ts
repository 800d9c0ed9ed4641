/** Whether what was reported can have happened, in some order that time allows. */

/** Something that happened at one moment between its start and its end. */
export interface Operation {
  readonly label: string;
  readonly startMs: number;
  readonly endMs: number;
  /**
   * `reading` changes nothing, whatever its answer. `perhaps` may also not have happened at all, in
   * whatever state; its outcomes are those of when it has.
   */
  readonly kind: "reading" | "change" | "perhaps";
  /** What may be there right after it; empty when it cannot have answered so in this state. */
  readonly outcomes: (state: string) => readonly string[];
}

export type Explanation =
  | { readonly kind: "explained" }
  /** No order leads from the first state to the last one. */
  | {
      readonly kind: "impossible";
      /** The longest order that can have been; in none can anything follow. */
      readonly order: readonly string[];
      readonly rest: readonly string[];
    }
  /** There are too many orders to look at. */
  | { readonly kind: "undecided" };

const maxNodes = 20_000;

/** A way to come to a state. */
interface Node {
  readonly state: string;
  /** Whatever starts earlier than the operation at this place is done. */
  readonly from: number;
  /** Bit N: the operation N places after that is done. */
  readonly done: bigint;
  readonly count: number;
  readonly label: string;
  readonly before: Node | undefined;
}

/**
 * Looks for an order of all operations in which each answers as it did, and which ends in `last`. One
 * that ended before another started comes before it.
 *
 * @see Wing and Gong, Testing and Verifying Concurrent Objects, 1993
 */
export function explain(
  first: string,
  operations: readonly Operation[],
  last: string,
): Explanation {
  const sorted = operations.toSorted((a, b) => a.startMs - b.startMs);
  const start: Node = { state: first, from: 0, done: 0n, count: 0, label: "", before: undefined };
  let deepest = start;
  const open = [start];
  const seen = new Set<string>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.size > maxNodes) return { kind: "undecided" };
    const node = readAll(sorted, next);
    const key = `${node.from} ${node.done} ${node.state}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (node.count > deepest.count) deepest = node;
    if (node.count === sorted.length && node.state === last) return { kind: "explained" };
    for (const { place, operation, isDue } of nextOf(sorted, node)) {
      // That it did not happen need not be settled before something waits for it.
      if (isDue && operation.kind === "perhaps") open.push(after(node, place, operation));
      for (const state of operation.outcomes(node.state)) {
        open.push(after(node, place, operation, state));
      }
    }
  }
  const rest = sorted.filter((_, place) => !isDone(deepest, place));
  return { kind: "impossible", order: orderOf(deepest), rest: rest.map(describe) };
}

/** Readings that can have been now are best done now: they leave everything as it is. */
function readAll(sorted: readonly Operation[], from: Node): Node {
  let node = from;
  for (;;) {
    const found = nextOf(sorted, node).find(
      ({ operation }) => operation.kind === "reading" && operation.outcomes(node.state).length > 0,
    );
    if (found === undefined) return node;
    node = after(node, found.place, found.operation, node.state);
  }
}

interface Candidate {
  readonly place: number;
  readonly operation: Operation;
  /** Whether it ended first of all that are not done. */
  readonly isDue: boolean;
}

/** Those that are not done, and that nothing which is not done must come before. */
function nextOf(sorted: readonly Operation[], node: Node): readonly Candidate[] {
  let firstEndMs = Infinity;
  const waiting: { place: number; operation: Operation }[] = [];
  for (let place = node.from; place < sorted.length; place += 1) {
    const operation = sorted[place];
    if (operation === undefined || operation.startMs > firstEndMs) break;
    if (isDone(node, place)) continue;
    waiting.push({ place, operation });
    firstEndMs = Math.min(firstEndMs, operation.endMs);
  }
  return waiting
    .filter(({ operation }) => operation.startMs <= firstEndMs)
    .map((each) => ({ ...each, isDue: each.operation.endMs === firstEndMs }));
}

function isDone({ from, done }: Node, place: number): boolean {
  return place < from || ((done >> BigInt(place - from)) & 1n) === 1n;
}

/** @param state undefined: it did not happen. */
function after(before: Node, place: number, operation: Operation, state?: string): Node {
  let { from } = before;
  let done = before.done | (1n << BigInt(place - from));
  for (; (done & 1n) === 1n; done >>= 1n) from += 1;
  const label = `${describe(operation)} → ${state ?? "not done"}`;
  return { state: state ?? before.state, from, done, count: before.count + 1, label, before };
}

function orderOf(node: Node): readonly string[] {
  const labels: string[] = [];
  for (let at = node; at.before !== undefined; at = at.before) labels.push(at.label);
  return labels.reverse();
}

function describe({ label, startMs, endMs }: Operation): string {
  return `[${Math.round(startMs)}–${Math.round(endMs)}] ${label}`;
}
