import * as fs from "node:fs";
import { BangerError } from "../core/errors.ts";
import { pause } from "./clock.ts";
import { errnoOf, fileError, removeQuietly } from "./files.ts";
import { lockExclusive, lockShared, tryLock } from "./libc.ts";

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR } = fs.constants;
const maxHolderBytes = 200;
/** What is held for long is asked for less often: many may wait, and each look costs the holder time. */
const minPollMs = 10;
const maxPollMs = 50;

export interface LockOptions {
  /** Who holds the lock and what for; others are told while they wait. */
  readonly holder: string;
  /** False: throw `busy` instead of waiting. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
  /** Called once, when the lock is taken by somebody else. */
  readonly onWait?: (holder: string) => void;
}

/** A lock that the kernel drops when this process ends, however it ends. */
export class FileLock {
  readonly #descriptor: number;
  readonly #removeAs: string | undefined;

  private constructor(descriptor: number, removeAs: string | undefined) {
    this.#descriptor = descriptor;
    this.#removeAs = removeAs;
  }

  /**
   * Takes the lock of a lock file, which is made when missing and removed on release.
   *
   * @throws {BangerError} `busy` when it is taken and `wait` is false; `io`; the signal's reason.
   */
  static acquire(file: string, options: LockOptions): Promise<FileLock> {
    return FileLock.acquireUnless<never>(() => undefined, file, options);
  }

  /**
   * The same for whoever needs the lock no more once others have done the work: they need not stand in
   * line for it.
   *
   * @param findDone asked as often as the lock turns out to be taken: what the others have done, if they have.
   * @returns the lock, or what was done.
   * @throws {BangerError} as {@link acquire}
   */
  static async acquireUnless<Done>(
    findDone: () => Done | undefined,
    file: string,
    options: LockOptions,
  ): Promise<FileLock | Done> {
    for (let attempt = 0; ; attempt += 1) {
      options.signal.throwIfAborted();
      const lock = FileLock.tryAcquire(file, options.holder);
      if (lock !== undefined) return lock;
      const done = findDone();
      if (done !== undefined) return done;
      const holder = readHolder(file);
      if (!options.wait) {
        throw new BangerError("busy", `${holder} holds the lock`, {
          hint: "leave out --no-wait to wait for it",
        });
      }
      if (attempt === 0) options.onWait?.(holder);
      const pauseMs = Math.min(minPollMs * 1.3 ** attempt, maxPollMs);
      await pause(pauseMs * (1 + Math.random()), options.signal);
    }
  }

  /** Takes the lock when it is free. @returns undefined when somebody else has it */
  static tryAcquire(file: string, holder: string): FileLock | undefined {
    let descriptor: number;
    try {
      descriptor = fs.openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    } catch (error) {
      throw fileError(`cannot open the lock ${file}`, error);
    }
    // The holder before us may have removed the file between our open and our lock: such a lock
    // keeps nobody out, so it does not count.
    if (tryLock(descriptor, lockExclusive) && isStillAt(descriptor, file)) {
      try {
        fs.ftruncateSync(descriptor, 0);
        fs.writeSync(descriptor, `${holder.slice(0, maxHolderBytes)}\n`, 0);
      } catch {
        // On a full disk the lock holds just as well without its label.
      }
      return new FileLock(descriptor, file);
    }
    fs.closeSync(descriptor);
    return undefined;
  }

  /** Takes a lock on a folder itself. @returns undefined when it is taken, or the folder is gone */
  static tryAcquireFolder(directory: string, kind: "shared" | "exclusive"): FileLock | undefined {
    let descriptor: number;
    try {
      descriptor = fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw fileError(`cannot open the folder ${directory}`, error);
    }
    const operation = kind === "shared" ? lockShared : lockExclusive;
    if (tryLock(descriptor, operation) && isStillAt(descriptor, directory)) {
      return new FileLock(descriptor, undefined);
    }
    fs.closeSync(descriptor);
    return undefined;
  }

  release(): void {
    // A lock file that cannot be removed is in nobody's way.
    if (this.#removeAs !== undefined) removeQuietly(this.#removeAs);
    fs.closeSync(this.#descriptor);
  }
}

function isStillAt(descriptor: number, file: string): boolean {
  const there = fs.lstatSync(file, { throwIfNoEntry: false });
  const ours = fs.fstatSync(descriptor);
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

function readHolder(file: string): string {
  try {
    const holder = fs.readFileSync(file, "utf8").slice(0, maxHolderBytes).trim();
    return holder === "" ? "another banger" : holder;
  } catch {
    return "another banger";
  }
}

/** What a lock of this process says about its holder. */
export function holderLabel(doing: string): string {
  return `process ${process.pid} (${doing})`;
}
