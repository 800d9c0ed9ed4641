import { Command } from "commander";
import { BangerError } from "../core/errors.ts";
import { unknownCommand } from "./failures.ts";

/** A command that only has commands of its own. They are made when it is asked for: that takes time. */
class Group extends Command {
  #addCommands: ((group: Command) => void) | undefined;

  constructor(name: string, addCommands: (group: Command) => void) {
    super(name);
    this.#addCommands = addCommands;
  }

  fill(): void {
    this.#addCommands?.(this);
    this.#addCommands = undefined;
    // Only now: a command that is added later would inherit it.
    this.allowExcessArguments();
  }
}

/**
 * Adds a command that only has commands of its own.
 *
 * @param addCommands called once, when the command line, its help or a completion gets there.
 */
export function addGroup(
  program: Command,
  name: string,
  summary: string,
  addCommands: (group: Command) => void,
): void {
  const group = new Group(name, addCommands)
    .copyInheritedSettings(program)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .summary(summary);
  group.action(() => {
    const [word] = group.args;
    if (word !== undefined) throw unknownCommand(group, word);
    throw new BangerError("usage", `${program.name()} ${name} wants a command`, {
      hint: `see which there are: ${program.name()} help ${name}`,
    });
  });
  program.addCommand(group);
}

/** The same command; if it is a group, with its commands. */
export function filled(command: Command): Command {
  if (command instanceof Group) command.fill();
  return command;
}
