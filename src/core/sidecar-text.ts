import * as v from "valibot";
import { BangerError } from "./errors.ts";

/** An RFC 3339 time in UTC. */
export const sidecarTime: v.GenericSchema<string> = v.pipe(
  v.string("must be an RFC 3339 time in UTC"),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, "must be an RFC 3339 time in UTC"),
);

/** A word or a few: 1 to 200 characters. */
export const sidecarLine: v.GenericSchema<string> = v.pipe(
  v.string("must be text"),
  v.minLength(1),
  v.maxLength(200),
);

/**
 * Reads the text of a sidecar.
 *
 * @param complaint what the error begins with: "FILE is no …".
 * @throws {BangerError} `verification-failed`, naming the field.
 */
export function parseSidecarText<Output>(
  schema: v.GenericSchema<unknown, Output>,
  json: string,
  complaint: string,
): Output {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BangerError("verification-failed", `${complaint}: it is not JSON`, { cause });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "document";
  throw new BangerError("verification-failed", `${complaint}: ${field} is not as it must be`);
}
