import { PassingFailure } from "./passing-failure.ts";

/** Slower than this over a whole time-out period counts as stalled: 1 KiB a second. */
const minBytesPerSecond = 1024;

/** Aborts a request that is too slow, or that the user no longer wants. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  readonly #userSignal: AbortSignal;
  #timer: NodeJS.Timeout;
  #windowBytes = 0;
  #phase: "headers" | "body" = "headers";

  /**
   * @param timeoutMs for the headers to arrive, and then the period over which bytes are counted.
   * @throws the signal's reason, when it is aborted already.
   */
  constructor(timeoutMs: number, userSignal: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    this.#userSignal = userSignal;
    userSignal.throwIfAborted();
    userSignal.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#tooSlow(`no answer within ${timeoutMs / 1000} s`);
    }, timeoutMs);
  }

  /** For the request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get phase(): "headers" | "body" {
    return this.#phase;
  }

  /** Set once the request was aborted for being too slow. */
  get failure(): PassingFailure | undefined {
    const reason: unknown = this.#controller.signal.reason;
    return reason instanceof PassingFailure ? reason : undefined;
  }

  /** The headers are there: from now on bytes must flow. */
  expectBody(): void {
    clearTimeout(this.#timer);
    this.#phase = "body";
    const wantedBytes = (this.#timeoutMs / 1000) * minBytesPerSecond;
    this.#timer = setInterval(() => {
      if (this.#windowBytes < wantedBytes) {
        this.#tooSlow(`only ${this.#windowBytes} bytes within ${this.#timeoutMs / 1000} s`);
      }
      this.#windowBytes = 0;
    }, this.#timeoutMs);
  }

  received(sizeBytes: number): void {
    this.#windowBytes += sizeBytes;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#userSignal.removeEventListener("abort", this.#onAbort);
    // An answer that nobody will read must not keep the connection, or the process, alive.
    this.#controller.abort();
  }

  #tooSlow(message: string): void {
    this.#controller.abort(new PassingFailure("timeout", message));
  }

  readonly #onAbort = (): void => {
    this.#controller.abort(this.#userSignal.reason);
  };
}
