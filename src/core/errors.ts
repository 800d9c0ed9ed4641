/**
 * Every way in which banger can fail that is not a bug in banger.
 *
 * The exit codes are documented in README.md and never change their meaning.
 */
const exitCodes = {
  /** The work could not be done, for a reason that the message names. */
  failed: 1,
  /** Refused, because it would lose something that the user has; `--force` overrides where offered. */
  refused: 1,
  /** A file or folder could not be read or written. */
  io: 1,
  /** The disk or the quota is full. */
  "no-space": 1,
  /** The state folder is not safe to use, or its contents are not what banger wrote. */
  "bad-state": 1,
  /** The catalog file does not follow its schema. */
  "bad-catalog": 1,
  /** The command line is wrong. */
  usage: 2,
  /** No such kernel, image or catalog entry. */
  "not-found": 3,
  /** Bytes are not the ones that the catalog or the manifest names. */
  "verification-failed": 4,
  /** An archive holds something that banger never installs. */
  "unsafe-archive": 4,
  /** A file is not a kernel image, or not one for this architecture. */
  "wrong-image": 4,
  /** A server could not be reached, refused, or broke off. */
  network: 5,
  /** A server was too slow. */
  timeout: 5,
  /** Somebody else holds the lock. */
  busy: 6,
  /** SIGHUP: the terminal was closed. */
  "hung-up": 129,
  /** SIGINT. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

export type ErrorCode = keyof typeof exitCodes;

export interface BangerErrorOptions {
  /** What to do about it: whole commands where possible. One line each. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The one error type of banger. A message says what was being done, what was found and what was
 * wanted; lower case, no full stop.
 *
 * @example
 * throw new BangerError("not-found", `no kernel is called "foo"`, { hint: "run: banger kernel list" });
 */
export class BangerError extends Error {
  override readonly name = "BangerError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: BangerErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }

  /**
   * The same error with what was being done put before its message.
   *
   * @example
   * error.during("cannot pull generic-6.12"); // "cannot pull generic-6.12: size is 10 bytes …"
   */
  during(doing: string): BangerError {
    return new BangerError(this.code, `${doing}: ${this.message}`, {
      hint: this.hint,
      cause: this.cause ?? this,
    });
  }
}
