import * as v from "valibot";
import type { BangerError } from "./errors.ts";
import { inspectJson } from "./json.ts";

/**
 * Reads a document that people write by hand. Nothing in it is passed over: not a key that stands twice
 * either.
 *
 * @param refuse makes the error of a reason, which names the field.
 * @throws what `refuse` makes.
 */
export function parseStrictly<Output>(
  schema: v.GenericSchema<unknown, Output>,
  json: string,
  refuse: (reason: string, cause?: unknown) => BangerError,
): Output {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw refuse("it is not JSON", cause);
  }
  const [duplicate] = inspectJson(json).duplicateKeys;
  if (duplicate !== undefined) throw refuse(`${duplicate} stands twice`);
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "it";
  throw refuse(`${field}: ${issue.message}`);
}
