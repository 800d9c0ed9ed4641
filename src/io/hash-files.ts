import type { Worker } from "node:worker_threads";
import type { Sha256 } from "../core/sha256.ts";
import { letSignalsIn } from "./clock.ts";
import { type FileToHash, HashTurns } from "./hash-turns.ts";

/** From here on, a second thread is worth the 30 ms that it takes to start. */
const minSharedBytes = 64 << 20;

/** How much is read between two looks at signals. */
const bytesBetweenPauses = 16 << 20;

export interface HashOptions {
  readonly signal: AbortSignal;
  /** Is told now and then how much has been read. */
  readonly onBytes: (doneBytes: number) => void;
}

/**
 * Reads regular files, on two cores where there are as many and there is enough to read.
 *
 * @returns the SHA-256 of each, in their order; undefined where there is no regular file of that name
 * and size.
 * @throws {BangerError} `io`; the signal's reason.
 */
export async function hashFiles(
  files: readonly FileToHash[],
  options: HashOptions,
): Promise<(Sha256 | undefined)[]> {
  // The largest go first, so that no thread is left alone with one at the end.
  const turns = HashTurns.of(files.toSorted((a, b) => b.sizeBytes - a.sizeBytes));
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  await using helper = new Helper(turns, totalBytes);
  let unseenBytes = 0;
  for (let size = turns.takeTurn(); size !== undefined; size = turns.takeTurn()) {
    options.onBytes(turns.doneBytes);
    unseenBytes += size;
    if (unseenBytes < bytesBetweenPauses) continue;
    unseenBytes = 0;
    await letSignalsIn();
    options.signal.throwIfAborted();
  }
  await helper.finished();
  options.signal.throwIfAborted();
  turns.finish();
  options.onBytes(turns.doneBytes);
  const digests = turns.results();
  return files.map((file) => digests.get(file.path));
}

/** Another thread that takes turns, if there is something in it. Nothing depends on it. */
class Helper implements AsyncDisposable {
  readonly #turns: HashTurns;
  readonly #worker: Worker | undefined;
  readonly #ended: Promise<void>;

  constructor(turns: HashTurns, totalBytes: number) {
    this.#turns = turns;
    this.#worker =
      totalBytes >= minSharedBytes && navigator.hardwareConcurrency > 1
        ? startWorker(turns)
        : undefined;
    this.#ended = new Promise((resolve) => {
      if (this.#worker === undefined) resolve();
      this.#worker?.once("exit", () => {
        resolve();
      });
      // Without a listener it would be ours; what is missing then is made up for.
      this.#worker?.once("error", () => {
        resolve();
      });
    });
  }

  /** Resolves when it has finished its last turn, or has not begun and will not any more. */
  async finished(): Promise<void> {
    if (this.#turns.begin()) return;
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }
}

function startWorker(turns: HashTurns): Worker | undefined {
  const { Worker: Thread } = process.getBuiltinModule("node:worker_threads");
  try {
    return new Thread(workerFile(), { workerData: turns.shared });
  } catch {
    return undefined;
  }
}

/** Within a compiled executable files are named as they were in the repository, and have been translated. */
function workerFile(): string | URL {
  return import.meta.url.includes("/$bunfs/")
    ? "/$bunfs/root/src/io/hash-worker.js"
    : new URL("hash-worker.ts", import.meta.url);
}
