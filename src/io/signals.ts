import { BangerError } from "../core/errors.ts";

/**
 * Turns the first SIGINT or SIGTERM into an abort, so that work in progress can clean up; a second
 * one ends the process at once.
 *
 * @returns a signal whose reason is a {@link BangerError} with exit code 130 or 143.
 */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (code: "interrupted" | "terminated"): void => {
    const error = new BangerError(code, code);
    if (controller.signal.aborted) process.exit(error.exitCode);
    controller.abort(error);
  };
  process.on("SIGINT", () => {
    onSignal("interrupted");
  });
  process.on("SIGTERM", () => {
    onSignal("terminated");
  });
  return controller.signal;
}
