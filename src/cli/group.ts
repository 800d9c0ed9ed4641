import type { Command } from "commander";
import { BangerError } from "../core/errors.ts";
import { unknownCommand } from "./failures.ts";

/**
 * Adds a command that only has commands of its own. Once they are added, it wants
 * `allowExcessArguments()`: what is added later would inherit it.
 */
export function addGroup(program: Command, name: string, summary: string): Command {
  const group = program
    .command(name)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .summary(summary);
  group.action(() => {
    const [word] = group.args;
    if (word !== undefined) throw unknownCommand(group, word);
    throw new BangerError("usage", `${program.name()} ${name} wants a command`, {
      hint: `see which there are: ${program.name()} help ${name}`,
    });
  });
  return group;
}
