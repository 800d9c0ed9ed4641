import * as v from "valibot";
import { BangerError } from "./errors.ts";
import { fieldOf } from "./shortened.ts";

/**
 * Reads a document that banger itself wrote into its store.
 *
 * @param origin how the error calls the file.
 * @param hint what to do when it is damaged.
 * @throws {BangerError} `bad-state`, naming the field: somebody changed the file.
 */
export function parseStored<Output>(
  schema: v.GenericSchema<unknown, Output>,
  json: string,
  origin: string,
  hint?: string,
): Output {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BangerError("bad-state", `${origin} is damaged: it is not JSON`, { hint, cause });
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = fieldOf(issue, "document");
  throw new BangerError("bad-state", `${origin} is damaged: ${field} is not as banger writes it`, {
    hint,
  });
}
