import * as fs from "node:fs";
import { BangerError } from "../core/errors.ts";
import { errnoOf, fileError } from "./files.ts";

/** Standard output or standard error. */
export type Stream = "stdout" | "stderr";

const descriptors = { stdout: 1, stderr: 2 } as const;

/** The reader of our standard output has gone away; there is nobody left to tell anything. */
export class ReaderGone extends Error {}

/**
 * Writes all of `text`, waiting for a slow reader.
 *
 * @throws {ReaderGone} when a pipe was closed at the other end.
 * @throws {BangerError} `io`, `no-space`.
 */
export function writeTo(stream: Stream, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += fs.writeSync(descriptors[stream], bytes, written);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EAGAIN") waitBriefly();
      else if (errno === "EPIPE" || errno === "EBADF") throw new ReaderGone(errno);
      else throw fileError(`cannot write to ${stream}`, error);
    }
  }
}

function waitBriefly(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}

/** Whether a person looks at the stream, on something that understands control sequences. */
export function isTerminal(
  stream: Stream | "stdin",
  variables: Readonly<Record<string, string | undefined>>,
): boolean {
  const descriptor = stream === "stdin" ? 0 : descriptors[stream];
  return isTty(descriptor) && variables["TERM"] !== "dumb";
}

/** Asks the terminal only where there may be one: that module takes milliseconds to load. */
function isTty(descriptor: number): boolean {
  try {
    const stats = fs.fstatSync(descriptor);
    if (!stats.isCharacterDevice() || majorOf(stats.rdev) === memoryDevices) return false;
  } catch {
    return false;
  }
  return process.getBuiltinModule("node:tty").isatty(descriptor);
}

/** Major number of /dev/null and its like. @see Documentation/admin-guide/devices.txt of Linux */
const memoryDevices = 1;

function majorOf(device: number): number {
  return (device >> 8) & 0xfff;
}

/** The text with the control sequences that make a terminal show it so. */
export function styled(style: "bold" | "red" | "yellow" | "green" | "cyan", text: string): string {
  return process.getBuiltinModule("node:util").styleText(style, text, { validateStream: false });
}

/** The width of the terminal in columns; undefined when the stream is none. */
export function columnsOf(stream: Stream): number | undefined {
  if (!isTty(descriptors[stream])) return undefined;
  const columns = process[stream].columns;
  return columns > 0 ? columns : undefined;
}

/**
 * Asks a question on standard error and reads one line from the terminal.
 *
 * @throws the signal's reason.
 */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question, { signal })).trim();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Error && error.name === "AbortError") {
      throw new BangerError("interrupted", "interrupted");
    }
    throw error;
  } finally {
    lines.close();
  }
}
