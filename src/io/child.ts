import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Variables } from "./environment.ts";
import { errnoOf } from "./files.ts";
import { missingProgram } from "./missing-program.ts";

const defaultMaxOutputBytes = 16 * 2 ** 20;
/** How long a program may take to clean up after SIGTERM. */
const graceMs = 5000;

/** A program to run, and what it gets. Never a shell: arguments are passed as they are. */
export interface ChildCommand {
  /** Absolute, or a name that is looked up in the PATH of `environment`. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment; see {@link cleaned}. */
  readonly environment: Variables;
  readonly cwd?: string | undefined;
  /** Text for standard input, or an open file to read from where it stands. Default: nothing. */
  readonly stdin?: string | number | undefined;
  /** An open file that takes standard output, of which nothing is then kept. */
  readonly stdout?: number | undefined;
  /** Open files that the program gets as descriptors 3, 4, … */
  readonly descriptors?: readonly number[] | undefined;
  /** Aborted: the program and all that it started are ended, and the signal's reason is thrown. */
  readonly signal: AbortSignal;
  /** Called with each line of both outputs, as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Called with each part of standard output, as it comes. */
  readonly onStdout?: ((text: string) => void) | undefined;
  /** At most so much of each output is kept, the end of it. Default 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

/** How a program ended. */
export interface ChildEnd {
  /** 128 and the number when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Environment variables for a child, without those that make it run as Bun. */
export function cleaned(variables: Variables): Variables {
  const { BUN_OPTIONS: _options, BUN_BE_BUN: _beBun, ...others } = variables;
  return others;
}

/**
 * Runs a program to its end; any exit code resolves. It ends when we do.
 *
 * @throws {BangerError} `failed`, when there is no such program; the signal's reason.
 */
export async function runChild(command: ChildCommand): Promise<ChildEnd> {
  const { signal } = command;
  signal.throwIfAborted();
  const stdin = typeof command.stdin === "number" ? command.stdin : "pipe";
  // The kernel ends the program when we die, however we die.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", "--", command.program, ...command.args], {
    cwd: command.cwd,
    env: definedOnly(command.environment),
    detached: true,
    stdio: [stdin, command.stdout ?? "pipe", "pipe", ...(command.descriptors ?? [])],
  });
  const stdout = new Captured(command);
  const stderr = new Captured(command);
  listen(child.stdout, (text) => {
    stdout.push(text);
    command.onStdout?.(text);
  });
  listen(child.stderr, (text) => {
    stderr.push(text);
  });
  child.stdin?.on("error", () => {
    // A program need not read what it is given.
  });
  child.stdin?.end(typeof command.stdin === "string" ? command.stdin : "");
  const stop = new Stopper(child.pid);
  const onAbort = (): void => {
    stop.begin();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => {
        resolve(code ?? 128 + (by === null ? 0 : (signalNumbers[by] ?? 0)));
      });
    });
    signal.throwIfAborted();
    stdout.end();
    stderr.end();
    requireStarted(command.program, exitCode, stderr.text);
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw missingProgram("setpriv", error);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop.end();
  }
}

/**
 * Not by `setEncoding`: when a read ends within a character and there is nothing before it, the stream of
 * Bun 1.4 turns in a circle for ever, and no timer fires any more.
 */
function listen(stream: Readable | null, onText: (text: string) => void): void {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  stream?.on("data", (bytes: Uint8Array) => {
    onText(decoder.decode(bytes, { stream: true }));
  });
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** setpriv itself ends with 127 when there is no such program. */
function requireStarted(program: string, exitCode: number, stderr: string): void {
  if (exitCode === 127 && stderr.startsWith("setpriv: "))
    throw missingProgram(program, stderr.trim());
}

function definedOnly(variables: Variables): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined) defined[name] = value;
  }
  return defined;
}

/** The end of an output, and its lines as they come. */
class Captured {
  text = "";
  #line = "";
  readonly #command: ChildCommand;

  constructor(command: ChildCommand) {
    this.#command = command;
  }

  push(text: string): void {
    this.text += text;
    const maxBytes = this.#command.maxOutputBytes ?? defaultMaxOutputBytes;
    if (this.text.length > 2 * maxBytes) this.text = this.text.slice(-maxBytes);
    if (this.#command.onLine === undefined) return;
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#command.onLine(line);
  }

  end(): void {
    if (this.#line !== "") this.#command.onLine?.(this.#line);
    this.#line = "";
  }
}

/** Ends a program and all that it started: SIGTERM first, SIGKILL when that does not help. */
class Stopper {
  readonly #pid: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pid: number | undefined) {
    this.#pid = pid;
  }

  begin(): void {
    this.#send("SIGTERM");
    this.#timer = setTimeout(() => {
      this.#send("SIGKILL");
    }, graceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #send(signal: NodeJS.Signals): void {
    if (this.#pid === undefined) return;
    try {
      process.kill(-this.#pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}
