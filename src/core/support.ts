import * as v from "valibot";
import { BangerError } from "./errors.ts";
import { parseStrictly } from "./strict-json.ts";
import { isDay } from "./utc-time.ts";

/** Until when a kernel line is kept up. Days are `YYYY-MM-DD`, in UTC, the last one included. */
export interface Support {
  /** When kernel.org means to stop mending the line. */
  readonly upstream_eol?: string | undefined;
  /** Until when Firecracker promises to support guests of this line; absent for a line that it does not list. */
  readonly firecracker_until?: string | undefined;
}

/** Who may have stopped supporting a line. */
export type SupportEnd = "upstream" | "firecracker";

/** In the order in which they are written. */
export const supportKeys: readonly (keyof Support)[] = ["upstream_eol", "firecracker_until"];

const day = v.pipe(
  v.string("must be a day"),
  v.check(isDay, "must be a day of the calendar, like 2028-12-31"),
);

const fields = { upstream_eol: v.optional(day), firecracker_until: v.optional(day) };

/** Reads what stands in an entry; fields that are not known are passed over. */
export const supportSchema: v.GenericSchema<unknown, Support> = v.object(
  fields,
  "must be an object",
);

/** Facts with their fields in the order in which they are written. */
export function supportInOrder(support: Support): Support {
  return Object.fromEntries(
    supportKeys.flatMap((key) => (support[key] === undefined ? [] : [[key, support[key]]])),
  );
}

/**
 * Which of the ends are behind us.
 *
 * @param today `YYYY-MM-DD`, in UTC.
 * @example
 * endsBefore({ firecracker_until: "2026-09-02" }, "2026-09-03"); // ["firecracker"]
 */
export function endsBefore(support: Support | undefined, today: string): readonly SupportEnd[] {
  const { upstream_eol: upstream, firecracker_until: firecracker } = support ?? {};
  const ends: readonly [SupportEnd, string | undefined][] = [
    ["upstream", upstream],
    ["firecracker", firecracker],
  ];
  return ends.flatMap(([end, last]) => (last !== undefined && today > last ? [end] : []));
}

/** What is known of each line: line, like `6.12`, → facts. */
export type SupportFacts = ReadonlyMap<string, Support>;

/** No file of facts may be larger: 1 MiB. */
export const maxSupportFactsBytes: number = 2 ** 20;

const factsFile = v.strictObject({
  version: v.literal(1, "must be 1"),
  lines: v.record(
    v.pipe(v.string(), v.regex(/^\d{1,4}\.\d{1,4}$/, "must be like 6.12")),
    v.pipe(
      v.strictObject(fields),
      v.check((support) => Object.keys(support).length > 0, "must name a day"),
    ),
  ),
});

/**
 * Reads the file of facts. Nothing in it is passed over.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `failed`, naming the field.
 * @see docs/formats/support.md
 */
export function parseSupportFacts(json: string, origin: string): SupportFacts {
  const { lines } = parseStrictly(factsFile, json, (reason, cause) =>
    refuse(origin, reason, cause),
  );
  return new Map(Object.entries(lines));
}

function refuse(origin: string, reason: string, cause?: unknown): BangerError {
  return new BangerError("failed", `cannot use the facts of ${origin}: ${reason}`, {
    hint: "the format is described in docs/formats/support.md",
    cause,
  });
}
