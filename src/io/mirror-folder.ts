import * as fs from "node:fs";
import { BangerError } from "../core/errors.ts";
import { letSignalsIn } from "./clock.ts";
import { fileError } from "./files.ts";
import type { PartFile } from "./part-file.ts";

const chunkBytes = 1 << 20;

export interface CopyOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (doneBytes: number) => void;
}

/**
 * Copies a file of a mirror folder into a part file, from the start.
 *
 * @param expectedBytes one byte more is an error.
 * @throws {BangerError} `network`, when the mirror does not have the file or it cannot be read;
 * `verification-failed`, when it is too long; `io`, `no-space` of the part file; the signal's reason.
 */
export async function copyInto(
  file: string,
  part: PartFile,
  expectedBytes: number,
  options: CopyOptions,
): Promise<void> {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    if (!fs.fstatSync(descriptor).isFile()) {
      throw new BangerError("network", `${file} is not a file`);
    }
    part.restart();
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const count = readSome(file, descriptor, buffer);
      if (count === 0) return;
      if (part.sizeBytes + count > expectedBytes) {
        part.restart();
        throw new BangerError(
          "verification-failed",
          `the file has more than the expected ${expectedBytes} bytes`,
        );
      }
      part.append(buffer.subarray(0, count));
      options.onBytes(part.sizeBytes);
      await letSignalsIn();
      options.signal.throwIfAborted();
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

function readSome(file: string, descriptor: number, buffer: Uint8Array): number {
  try {
    return fs.readSync(descriptor, buffer);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): BangerError {
  const failure = fileError(`cannot read ${file}`, error);
  return new BangerError("network", failure.message, { cause: error });
}
