/** What a run of banger answered, made easy to look at. */
import type { ChildResult } from "./child.ts";

/** The run itself. @throws with all output, when it ended otherwise */
export function requireExit(result: ChildResult, exitCode = 0): ChildResult {
  if (result.exitCode === exitCode) return result;
  const { stdout, stderr } = result;
  throw new Error(
    `exit code is ${String(result.exitCode)}, expected ${exitCode}\nstdout: ${stdout}\nstderr: ${stderr}`,
  );
}

/** The one JSON document on standard output. @throws when it is not one, or the exit code is another */
export function documentOf(result: ChildResult, exitCode = 0): unknown {
  return JSON.parse(requireExit(result, exitCode).stdout);
}

/**
 * What stands at a place in a document.
 *
 * @param place keys and indexes with dots between: `results.0.path`.
 * @throws when the document has no such place.
 */
export function valueAt(document: unknown, place: string): unknown {
  let value = document;
  for (const key of place.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      throw new Error(`there is no ${place} in ${JSON.stringify(document)}`);
    }
    value = Reflect.get(value, key);
  }
  return value;
}

/** The text that stands at a place in a document. @see valueAt */
export function textAt(document: unknown, place: string): string {
  const value = valueAt(document, place);
  if (typeof value === "string") return value;
  throw new Error(`${place} is ${JSON.stringify(value)}, expected text`);
}

/** The error on standard output, as `EXITCODE CODE: MESSAGE`. */
export function refusal({ stdout, exitCode }: ChildResult): string {
  const error = valueAt(JSON.parse(stdout), "error");
  return `${String(exitCode)} ${textAt(error, "code")}: ${textAt(error, "message")}`;
}
