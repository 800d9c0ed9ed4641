import * as v from "valibot";
import type { BangerError } from "./errors.ts";
import { inspectJson } from "./json.ts";
import { fieldOf, shortened } from "./shortened.ts";

/** Schemas pass over members of these names. */
const unheard: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

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
  const { duplicateKey } = inspectJson(json);
  if (duplicateKey !== undefined) throw refuse(`${duplicateKey} stands twice`);
  JSON.parse(json, (key, inner: unknown) => {
    if (unheard.has(key)) throw refuse(`${key} cannot be the name of anything`);
    return inner;
  });
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw refuse(`${fieldOf(issue, "it")}: ${shortened(issue.message)}`);
}
