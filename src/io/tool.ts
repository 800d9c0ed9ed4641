import { BangerError } from "../core/errors.ts";
import { runChild, type ChildCommand, type ChildEnd } from "./child.ts";
import type { Variables } from "./environment.ts";

/** A program of the system, run with nothing of our environment but the PATH. */
export interface ToolCommand extends Omit<ChildCommand, "environment" | "program"> {
  readonly program: string;
  /** Only its PATH is passed on: TAR_OPTIONS, XZ_OPT, GNUPGHOME and the like are not. */
  readonly variables: Variables;
  /** Variables that it gets beside PATH and LC_ALL. */
  readonly extra?: Variables | undefined;
  /** No file that it writes may be longer, in bytes. */
  readonly maxFileBytes?: number | undefined;
}

/**
 * Runs a program of the system to its end; any exit code but "not found" resolves.
 *
 * @throws {BangerError} `failed`, when it is not installed; the signal's reason.
 */
export async function runTool(command: ToolCommand): Promise<ChildEnd> {
  const { program, args, variables, extra, maxFileBytes, ...others } = command;
  const environment = { PATH: variables["PATH"] ?? defaultPath, LC_ALL: "C", ...extra };
  const bare = { ...others, environment };
  const end = await runChild(
    maxFileBytes === undefined
      ? { ...bare, program, args }
      : { ...bare, program: "prlimit", args: [`--fsize=${maxFileBytes}`, "--", program, ...args] },
  ).catch((error: unknown) => {
    throw error instanceof BangerError && error.code === "failed" ? missing(program, error) : error;
  });
  if (end.exitCode === 127) throw missing(program, end.stderr.trim());
  return end;
}

const defaultPath = "/usr/local/bin:/usr/bin:/bin";

/** What a tool said last, on one line. */
export function lastWords(end: ChildEnd): string {
  const line = end.stderr.trim().split("\n").at(-1) ?? "";
  return line === "" ? `exit code ${end.exitCode}` : line;
}

function missing(program: string, cause: unknown): BangerError {
  return new BangerError("failed", `there is no program ${program} on this machine`, {
    hint: `run: scripts/require.sh ${program}`,
    cause,
  });
}
