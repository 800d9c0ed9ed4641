import { BangerError } from "../core/errors.ts";
import { ask, isTerminal } from "../io/terminal.ts";
import type { App } from "./app.ts";

/** Whether there is somebody to ask: both ends of the conversation are on a terminal. */
export function canAsk(app: App): boolean {
  const { variables } = app.context.environment;
  return (
    isTerminal("stdin", variables) &&
    isTerminal("stderr", variables) &&
    !app.output.options.json &&
    !app.output.options.quiet
  );
}

/**
 * Asks before something is taken away. Without a terminal the command line is the answer.
 *
 * @throws {BangerError} `refused`, when the answer is not yes.
 */
export async function confirm(app: App, question: string, yes: boolean): Promise<void> {
  if (yes || !canAsk(app)) return;
  const answer = await ask(`${question} [y/N] `, app.context.signal);
  if (/^y(es)?$/i.test(answer)) return;
  throw new BangerError("refused", "nothing was removed");
}
