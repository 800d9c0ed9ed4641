import { CommanderError, type Command } from "commander";
import { BangerError } from "../core/errors.ts";
import { escapeControls } from "../core/escape.ts";
import { nearest } from "../core/nearest.ts";
import type { Output } from "./output.ts";

/** The error to report for whatever `program` threw. */
export function asFailure(error: unknown, program: string): BangerError {
  if (error instanceof BangerError) return error;
  if (error instanceof CommanderError) return usageFailure(error, program);
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new BangerError("failed", `something unforeseen happened: ${words}`, {
    hint: "please report it, with the command that you ran and what --verbose says",
    cause: error,
  });
}

/** What commander finds wrong with a command line, in banger's words. */
function usageFailure(error: CommanderError, program: string): BangerError {
  const [first = "", ...rest] = error.message.split("\n");
  const suggestion = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  const message = first.replace(/^error: /, "").replace(/\.$/, "");
  const hint =
    suggestion === undefined
      ? `${program} help explains each command`
      : `did you mean ${suggestion}?`;
  return new BangerError("usage", message.replaceAll("'", ""), { hint, cause: error });
}

/** The error for a word that is no command of `parent`. */
export function unknownCommand(parent: Command, word: string): BangerError {
  const names = parent.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  const meant = nearest(word, names);
  const [program = "", ...groups] = pathOf(parent);
  const path = [program, ...groups].join(" ");
  return new BangerError("usage", `${path} has no command ${JSON.stringify(word)}`, {
    hint:
      meant === undefined
        ? `see which there are: ${[program, "help", ...groups].join(" ")}`
        : `did you mean ${path} ${meant}?`,
  });
}

/** The words that lead to a command, the program's name first. */
function pathOf(command: Command): string[] {
  return [...(command.parent === null ? [] : pathOf(command.parent)), command.name()];
}

/** Prints what led to an error, for `--verbose`. */
export function explain(failure: BangerError, output: Output): void {
  let cause = failure.cause;
  while (cause instanceof Error) {
    output.note(`because: ${escapeControls(cause.message)}`);
    cause = cause.cause;
  }
}
