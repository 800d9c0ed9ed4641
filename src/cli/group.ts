import { Command } from "commander";
import { BangerError } from "../core/errors.ts";
import { unknownCommand } from "./failures.ts";

/**
 * What the commands are called, also by their aliases, parted by spaces; and what adds them: one, or a few
 * that belong together.
 */
export type Member = readonly [names: string, add: (group: Command) => void];

/** A command that only has commands of its own. They are made when one is asked for: that takes time. */
class Group extends Command {
  #members: readonly Member[];

  constructor(name: string, members: readonly Member[]) {
    super(name);
    this.#members = members;
  }

  /** @param word the command that is asked for, if that is known: then the others are left out. */
  fill(word?: string): void {
    const meant = this.#members.filter(
      ([names]) => word !== undefined && names.split(" ").includes(word),
    );
    for (const [, add] of meant.length === 0 ? this.#members : meant) add(this);
    this.#members = [];
    // Only now: a command that is added later would inherit it.
    this.allowExcessArguments();
  }
}

/** Adds a command that only has commands of its own. */
export function addGroup(
  program: Command,
  name: string,
  summary: string,
  members: readonly Member[],
): void {
  const group = new Group(name, members)
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

/**
 * The same command; if it is a group, with its commands.
 *
 * @param word the one of them that is asked for, if that is known: then only that is sure to be there.
 */
export function filled(command: Command, word?: string): Command {
  if (command instanceof Group) command.fill(word);
  return command;
}
