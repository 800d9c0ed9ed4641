import { pause } from "./clock.ts";
import { PassingFailure } from "./passing-failure.ts";

const firstDelayMs = 300;
const maxDelayMs = 30_000;

export interface RetryOptions {
  /** Further tries after the first. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly onRetry: (failure: PassingFailure, delayMs: number) => void;
}

/**
 * Runs `work` until it succeeds, fails for good, or has been tried often enough. Waits twice as
 * long each time, with jitter, or as long as the server asks, up to 30 seconds.
 *
 * @throws what `work` threw last; the signal's reason.
 */
export async function retry<Result>(
  work: () => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PassingFailure) || failures >= options.retries) throw error;
      const backoffMs = firstDelayMs * 2 ** failures * (0.5 + Math.random());
      const delayMs = Math.min(maxDelayMs, error.retryAfterMs ?? backoffMs);
      options.onRetry(error, delayMs);
      await pause(delayMs, options.signal);
    }
  }
}
