import { BangerError } from "../core/errors.ts";

/** A failure that may pass: worth another try. */
export class PassingFailure extends BangerError {
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: "network" | "timeout" | "verification-failed",
    message: string,
    cause?: unknown,
    retryAfterMs?: number,
  ) {
    super(code, message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}
