import { BangerError } from "../core/errors.ts";
import { contentLength, rangeStart, retryAfterMs, strongValidator } from "../core/http-fields.ts";
import { redactUrl } from "../core/redact.ts";
import { freePiece } from "./memory.ts";
import { networkError, subjectOf } from "./network-error.ts";
import type { PartOrigin } from "./part-file.ts";
import { PassingFailure } from "./passing-failure.ts";
import { describeProxy } from "./proxy.ts";
import { trustedRoots } from "./tls-roots.ts";
import { Watchdog } from "./watchdog.ts";

const maxRedirects = 5;

/** Where the bytes of an answer go; see `PartFile`, which keeps them, and `HashOnly`, which does not. */
export interface ByteSink {
  readonly sizeBytes: number;
  readonly origin: PartOrigin | undefined;
  setOrigin(origin: PartOrigin | undefined): void;
  /** @param chunk is valid only until this returns. */
  append(chunk: Uint8Array): void;
  restart(): void;
}

/** The server was reached, and will not give the file: asking again is no use. */
export class RefusedRequest extends BangerError {
  readonly status: number;

  constructor(message: string, status: number, hint: string | undefined) {
    super("network", message, { hint });
    this.status = status;
  }
}

export interface FetchOptions {
  /** What the catalog says; one byte more is an error. */
  readonly expectedBytes: number;
  /** For the headers to arrive, and the period over which the minimum rate is measured. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onBytes: (doneBytes: number) => void;
}

/**
 * Fetches a file into a part file, continuing what is there when the server still has the same
 * file. Content-Encoding is never undone: the bytes on the wire are the file.
 *
 * Returns when the answer has ended, whatever its length and hash: those are for the caller.
 *
 * @throws {PassingFailure} when another try may help.
 * @throws {BangerError} `network` otherwise; `verification-failed` for a byte too many; `io` and
 * `no-space` of the part file; the signal's reason.
 * @see RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range), 15.4 (redirection)
 */
export async function fetchInto(
  address: string,
  part: ByteSink,
  options: FetchOptions,
): Promise<void> {
  await follow(address, (url) => attempt(address, url, part, options));
}

/** What a request needs, whatever is asked for. */
export type RequestOptions = Omit<FetchOptions, "expectedBytes" | "onBytes">;

/**
 * Asks how large a file is.
 *
 * @returns undefined when the server does not say.
 * @throws as {@link fetchInto}.
 * @see RFC 9110, section 9.3.2 (HEAD)
 */
export async function fileSize(
  address: string,
  options: RequestOptions,
): Promise<number | undefined> {
  let sizeBytes: number | undefined;
  await follow(address, async (url) => {
    const watch = new Watchdog(options.timeoutMs, options.signal);
    try {
      const response = await request(url, "HEAD", watch, options, {});
      const location = redirection(response);
      if (location !== undefined) return location;
      refuseStatus(url, response);
      sizeBytes = contentLength(response.headers.get("content-length"));
      return undefined;
    } catch (error) {
      throw explain(url, error, watch, options);
    } finally {
      watch.stop();
    }
  });
  return sizeBytes;
}

/** @param step one request. It returns the Location of a redirect. */
async function follow(
  address: string,
  step: (url: string) => Promise<string | undefined>,
): Promise<void> {
  let url = address;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const location = await step(url);
    if (location === undefined) return;
    url = nextHop(url, location);
  }
  throw new BangerError(
    "network",
    `${redactUrl(address)} redirects more than ${maxRedirects} times`,
  );
}

function request(
  url: string,
  method: "GET" | "HEAD",
  watch: Watchdog,
  options: RequestOptions,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  return fetch(url, {
    method,
    redirect: "manual",
    decompress: false,
    signal: watch.signal,
    ...tlsFor(url, options.environment),
    headers: { "user-agent": options.userAgent, "accept-encoding": "identity", ...headers },
  });
}

/** Nothing where nothing is encrypted: the roots take longer to load than a small answer to come. */
function tlsFor(url: string, environment: RequestOptions["environment"]): BunFetchRequestInit {
  const isEncrypted =
    url.startsWith("https:") || describeProxy(url, environment)?.startsWith("https:") === true;
  return isEncrypted ? { tls: { ca: trustedRoots(environment), rejectUnauthorized: true } } : {};
}

function redirection(response: Response): string | undefined {
  const location = response.headers.get("location");
  return [301, 302, 303, 307, 308].includes(response.status) ? (location ?? undefined) : undefined;
}

function nextHop(url: string, location: string): string {
  let next: URL;
  try {
    next = new URL(location, url);
  } catch (cause) {
    throw new BangerError("network", `${redactUrl(url)} redirects to something that is no URL`, {
      cause,
    });
  }
  if (next.protocol !== "https:" && !(next.protocol === "http:" && url.startsWith("http:"))) {
    throw new BangerError(
      "network",
      `${redactUrl(url)} redirects to ${redactUrl(next.href)}, which is not https`,
    );
  }
  return next.href;
}

/** One request. @returns the Location of a redirect, or undefined when the answer was taken in */
async function attempt(
  address: string,
  url: string,
  part: ByteSink,
  options: FetchOptions,
): Promise<string | undefined> {
  const origin = part.origin?.url === address ? part.origin : undefined;
  const resumes = origin !== undefined && part.sizeBytes < options.expectedBytes;
  const watch = new Watchdog(options.timeoutMs, options.signal);
  try {
    const range = resumes
      ? { range: `bytes=${part.sizeBytes}-`, "if-range": origin.validator }
      : {};
    const response = await request(url, "GET", watch, options, range);
    const location = redirection(response);
    if (location !== undefined) return location;
    if (resumes && !continues(response, part, origin.validator)) {
      if (response.status === 206 || response.status === 416) {
        part.restart();
        throw new PassingFailure("network", "the file has changed on the server");
      }
    } else if (!resumes && response.status === 206) {
      throw new BangerError(
        "network",
        `${redactUrl(url)} answered with a part that nobody asked for`,
      );
    }
    refuseStatus(url, response);
    if (response.status === 200) {
      part.restart();
      const validator = validatorOf(response);
      part.setOrigin(validator === undefined ? undefined : { url: address, validator });
    }
    watch.expectBody();
    await takeBody(response, part, watch, options);
    return undefined;
  } catch (error) {
    throw explain(url, error, watch, options);
  } finally {
    watch.stop();
  }
}

function continues(response: Response, part: ByteSink, validator: string): boolean {
  if (response.status !== 206) return false;
  const start = rangeStart(response.headers.get("content-range"));
  const current = validatorOf(response);
  return start === part.sizeBytes && (current === undefined || current === validator);
}

function validatorOf({ headers }: Response): string | undefined {
  return strongValidator(headers.get("etag"), headers.get("last-modified"));
}

function refuseStatus(url: string, response: Response): void {
  const { status } = response;
  if (status === 200 || status === 206) return;
  const message = `${redactUrl(url)} answered ${status}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new PassingFailure(
      "network",
      message,
      undefined,
      retryAfterMs(response.headers.get("retry-after"), Date.now()),
    );
  }
  throw new RefusedRequest(
    message,
    status,
    status === 404 || status === 410
      ? "the file is not there; another mirror may have it (BANGER_MIRRORS)"
      : undefined,
  );
}

async function takeBody(
  response: Response,
  part: ByteSink,
  watch: Watchdog,
  options: FetchOptions,
): Promise<void> {
  if (response.body === null) return;
  for await (const chunk of response.body) {
    watch.received(chunk.length);
    if (part.sizeBytes + chunk.length > options.expectedBytes) {
      part.restart();
      throw new BangerError(
        "verification-failed",
        `the server sends more than the expected ${options.expectedBytes} bytes`,
      );
    }
    part.append(chunk);
    freePiece(chunk);
    options.onBytes(part.sizeBytes);
  }
}

/** The error to report for what `fetch` or the body threw. */
function explain(url: string, error: unknown, watch: Watchdog, options: RequestOptions): unknown {
  if (options.signal.aborted) return options.signal.reason;
  const { failure } = watch;
  // What fetch throws then is the reason of the abort, the failure itself.
  if (failure !== undefined) {
    const subject = subjectOf(url, options.environment);
    return new PassingFailure("timeout", `${subject}: ${failure.message}`, error);
  }
  if (error instanceof BangerError) return error;
  return networkError(url, watch.phase, error, options.environment);
}
