/** What `push --json` says. */
import { textAt, valueAt } from "./answers.ts";

/** `result key` of what is of the whole catalog, hashes left out. */
export function resultsOf(document: unknown): readonly string[] {
  const objects = valueAt(document, "objects");
  if (!Array.isArray(objects)) throw new Error("objects is no list");
  return objects
    .filter((object) => valueAt(object, "entry") === null)
    .map((object) => `${textAt(object, "result")} ${textAt(object, "key")}`)
    .map((line) => line.replace(/[0-9a-f]{64}/, "SHA256"));
}
