/** The present as RFC 3339 in UTC, to the second. */
export function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** The present in microseconds since 1970. */
export function nowUs(): number {
  return Date.now() * 1000;
}

/** Milliseconds on a clock that never jumps. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * Waits.
 *
 * @throws the signal's reason, as soon as it is aborted.
 */
export function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, durationMs);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Lets signals, and whatever else waits, be heard in the middle of long work. */
export function letSignalsIn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Days from an RFC 3339 time until now; negative when it lies ahead. */
export function daysSince(time: string): number {
  return (Date.now() - Date.parse(time)) / 86_400_000;
}

/** So many days from now, as RFC 3339 in UTC, to the second. */
export function daysFromNow(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;
}
