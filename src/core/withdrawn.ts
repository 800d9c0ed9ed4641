import * as v from "valibot";
import { isKernelName, type KernelName } from "./kernel-name.ts";
import { isUtcTime } from "./utc-time.ts";

/** That an entry of the catalog must no longer be installed. @see docs/formats/catalog.md */
export interface Withdrawn {
  /** For people; at most 500 characters. */
  readonly reason: string;
  /** RFC 3339, UTC. */
  readonly since: string;
  /** The entry of the same architecture to use in its place. */
  readonly replaced_by?: KernelName | undefined;
}

/** No reason may be longer, in characters. */
export const maxReasonLength: number = 500;

/** In the order in which they are written. */
export const withdrawnKeys: readonly (keyof Withdrawn)[] = ["reason", "since", "replaced_by"];

/** Reads what stands in an entry. */
export const withdrawnSchema: v.GenericSchema<unknown, Withdrawn> = v.object(
  {
    reason: v.pipe(
      v.string("must be text"),
      v.check((reason) => reason.trim() !== "", "must not be empty"),
      v.maxLength(maxReasonLength, `must be at most ${maxReasonLength} characters`),
    ),
    since: v.pipe(
      v.string("must be an RFC 3339 time in UTC"),
      v.check(isUtcTime, "must be an RFC 3339 time in UTC, like 2026-01-31T12:00:00Z"),
    ),
    replaced_by: v.optional(
      v.custom<KernelName>(
        (value) => typeof value === "string" && isKernelName(value),
        "must be the name of a kernel",
      ),
    ),
  },
  "must be an object",
);

/** A mark with its fields in the order in which they are written. */
export function withdrawnInOrder({ reason, since, replaced_by }: Withdrawn): Withdrawn {
  return { reason, since, ...(replaced_by === undefined ? {} : { replaced_by }) };
}
