import { appendFileSync } from "node:fs";

/** One observation for the table of `make faults`. */
export interface FaultObservation {
  /** The row of the table of faults, 1 to 30. */
  readonly row: number;
  /** What was done, in a few words: `entry ../x`. */
  readonly done: string;
  /** How the command ended: its exit code, or the signal that killed it. */
  readonly exit: number | string;
  /** The `code` of the error document, or `-` when the right answer is no error. */
  readonly code: string;
  /** Whether the kernel that was installed before is byte for byte as it was. */
  readonly store: "same" | "healed" | "as wanted";
}

/** Adds an observation to the file that `make faults` prints; nothing happens in other runs. */
export function recordFault(observation: FaultObservation): void {
  const file = process.env["FAULTS_TABLE"];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(observation)}\n`);
}
