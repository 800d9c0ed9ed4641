import { readFileSync } from "node:fs";
import { BangerError } from "../core/errors.ts";

const codes = { SIGHUP: "hung-up", SIGINT: "interrupted", SIGTERM: "terminated" } as const;

/**
 * Turns the first SIGHUP, SIGINT or SIGTERM into an abort, so that work in progress can clean up; a
 * second one ends the process at once.
 *
 * @returns a signal whose reason is a {@link BangerError} with exit code 129, 130 or 143.
 */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const listen = (signal: keyof typeof codes): void => {
    const error = new BangerError(codes[signal], codes[signal]);
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(error.exitCode);
      controller.abort(error);
    });
  };
  listen("SIGINT");
  listen("SIGTERM");
  if (!ignoresHangup()) listen("SIGHUP");
  return controller.signal;
}

/** Whether we are to outlive the terminal, as after `nohup`. @see proc_pid_status(5) SigIgn */
function ignoresHangup(): boolean {
  try {
    const mask = /^SigIgn:\s*[\da-f]*([\da-f])$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return Number.parseInt(mask?.[1] ?? "0", 16) % 2 === 1;
  } catch {
    return false;
  }
}
