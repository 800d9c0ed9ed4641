/** What boots in virtual machines answer. */
import { textAt, valueAt } from "./answers.ts";

/** Software emulation beside other work: a boot that takes longer hangs. */
export const bootLimitMs = 300_000;

/** The status of each probe in the document of `kernel boot`. */
export function probesOf(document: unknown): ReadonlyMap<string, string> {
  const probes = valueAt(document, "probes");
  if (!Array.isArray(probes)) throw new Error("probes is no list");
  return new Map(probes.map((probe) => [textAt(probe, "id"), textAt(probe, "status")]));
}
