import type { MachineEnd } from "../core/boot-cause.ts";
import { cleaned, runChild } from "../io/child.ts";
import { monotonicMs } from "../io/clock.ts";
import { ConsoleText } from "./console-text.ts";
import type { MachineCommand, MachineOptions } from "./machine.ts";

/** A machine that has come to its end. */
export interface MachineRun {
  readonly end: MachineEnd;
  /** All that stood on the console; of a great deal the beginning and the end. */
  readonly console: string;
  /** From the start of the program to its end. */
  readonly wallMs: number;
}

/** How long a machine goes on when enough was seen: what has just begun may end in a panic. */
const settleMs = 3000;

/**
 * Runs a machine until its guest ends it, or its time is over. It ends when we do.
 *
 * @throws {BangerError} `failed`, when the program is not installed; the signal's reason.
 */
export async function runMachine(
  command: MachineCommand,
  options: MachineOptions,
): Promise<MachineRun> {
  const startedMs = monotonicMs();
  const stop = new AbortController();
  const onAbort = (): void => {
    stop.abort(options.signal.reason);
  };
  options.signal.addEventListener("abort", onAbort, { once: true });
  const timeOut = new Error("the time is over");
  const enough = new Error("enough was seen");
  const stopAfter = (ms: number, reason: Error): ReturnType<typeof setTimeout> =>
    setTimeout(() => {
      stop.abort(reason);
    }, ms);
  const timer = stopAfter(options.timeoutMs, timeOut);
  const { silenceMs, isEnough } = options;
  const silence = silenceMs === undefined ? undefined : stopAfter(silenceMs, timeOut);
  let settle: ReturnType<typeof setTimeout> | undefined;
  const console = new ConsoleText();
  const onText = (text: string): void => {
    clearTimeout(silence);
    const lines = console.add(text);
    if (settle === undefined && isEnough?.(lines) === true) settle = stopAfter(settleMs, enough);
  };
  try {
    options.signal.throwIfAborted();
    const { exitCode, stderr } = await runChild({
      program: command.program,
      args: command.args,
      environment: cleaned(options.variables),
      descriptors: command.descriptors,
      signal: stop.signal,
      onStdout: onText,
      maxOutputBytes: 65_536,
    });
    const wallMs = monotonicMs() - startedMs;
    return { end: { kind: "exit", exitCode, stderr }, console: console.text, wallMs };
  } catch (error) {
    const wallMs = monotonicMs() - startedMs;
    if (error === enough) return { end: { kind: "stopped" }, console: console.text, wallMs };
    if (error !== timeOut) throw error;
    const end = { kind: "timeout", seconds: Math.round(wallMs / 1000) } as const;
    return { end, console: console.text, wallMs };
  } finally {
    clearTimeout(timer);
    clearTimeout(silence);
    clearTimeout(settle);
    options.signal.removeEventListener("abort", onAbort);
  }
}
