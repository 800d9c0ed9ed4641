/** Child processes of tests: output collected, never waited for longer than told, dead when we are. */
import { type ChildProcess, spawn } from "node:child_process";

export interface ChildOptions {
  /** Absolute path, or a name that is looked up in the PATH of `env`. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; an `undefined` value leaves the name out. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Bytes for stdin, which is closed after them. Default: none. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Leaves stdin open: the program waits in vain for its end. */
  readonly keepStdinOpen?: boolean;
  /** After this the whole process group is killed and `done` rejects. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Sends SIGTERM to the child when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Looks at the result; what it throws is what `done` rejects with. */
  readonly check?: (result: ChildResult) => void;
}

export interface ChildResult {
  /** `null` when a signal ended the child. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

const defaultTimeoutMs = 60_000;

/**
 * One child process in its own process group. Its stdio are sockets, as Bun and Node make them, not pipes.
 */
export class RunningChild {
  readonly child: ChildProcess;
  /** Settles when the child has ended and its output is closed; rejects after the time limit. */
  readonly done: Promise<ChildResult>;
  /** What the child wrote until now. */
  stdout = "";
  stderr = "";
  #ended = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: ChildOptions) {
    const startedAtMs = performance.now();
    const env = Object.fromEntries(
      Object.entries(options.env ?? process.env).filter(([, value]) => value !== undefined),
    );
    // The kernel kills the child when we die, however we die.
    this.child = spawn(
      "/usr/bin/setpriv",
      ["--pdeathsig", "KILL", "--", options.file, ...options.args],
      { env, cwd: options.cwd, detached: true, stdio: ["pipe", "pipe", "pipe"] },
    );
    const { child } = this;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#notify();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#notify();
    });
    child.stdin?.on("error", () => {}); // the child need not read its stdin
    if (options.keepStdinOpen === true) {
      child.stdin?.write(options.stdin ?? "");
    } else {
      child.stdin?.end(options.stdin ?? "");
    }

    let timedOut = false;
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const timer = setTimeout(() => {
      timedOut = true;
      this.killGroup();
    }, timeoutMs);
    const abort = (): void => {
      child.kill("SIGTERM");
    };
    options.signal?.addEventListener("abort", abort, { once: true });

    this.done = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode: number | null, signal: NodeJS.Signals | null) => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", abort);
        this.#ended = true;
        this.#notify();
        const durationMs = performance.now() - startedAtMs;
        if (timedOut) {
          const command = [options.file, ...options.args].join(" ");
          const output = `stdout: ${this.stdout}\nstderr: ${this.stderr}`;
          reject(new Error(`still running after ${timeoutMs} ms: ${command}\n${output}`));
          return;
        }
        const { stdout, stderr } = this;
        const result = { exitCode, signal, stdout, stderr, durationMs };
        try {
          options.check?.(result);
          resolve(result);
        } catch (error) {
          reject(error);
        }
      });
    });
    if (options.signal?.aborted === true) {
      abort();
    }
  }

  /** The process id of the program itself. */
  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) {
      throw new Error("the child process did not start");
    }
    return pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Signals the program alone, as `kill PID` does. */
  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.child.kill(signal);
  }

  /** Signals the program and all that it started. Does nothing when they have ended. */
  killGroup(signal: NodeJS.Signals = "SIGKILL"): void {
    // Their number may be somebody else's by now.
    if (this.#ended) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // all of them have ended
    }
  }

  /** Resolves when stderr matches; rejects if the child ends first or after `timeoutMs`. */
  waitForStderr(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpMatchArray> {
    return this.#waitFor(() => this.stderr, "stderr", pattern, timeoutMs);
  }

  /** Resolves when stdout matches; rejects if the child ends first or after `timeoutMs`. */
  waitForStdout(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpMatchArray> {
    return this.#waitFor(() => this.stdout, "stdout", pattern, timeoutMs);
  }

  #waitFor(
    text: () => string,
    stream: string,
    pattern: RegExp,
    timeoutMs: number,
  ): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        act();
      };
      const fail = (why: string): void => {
        const output = `stdout: ${this.stdout}\nstderr: ${this.stderr}`;
        settle(() => reject(new Error(`${why} ${stream} matched ${String(pattern)}\n${output}`)));
      };
      const look = (): void => {
        const match = text().match(pattern);
        if (match !== null) {
          settle(() => resolve(match));
        } else if (this.#ended) {
          fail("the process ended before");
        }
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed before`), timeoutMs);
      this.#listeners.add(look);
      look();
    });
  }

  #notify(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Runs a program to its end. Any exit code resolves; only the time limit rejects. */
export function runChild(options: ChildOptions): Promise<ChildResult> {
  return new RunningChild(options).done;
}
