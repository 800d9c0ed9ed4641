import { BangerError } from "../core/errors.ts";
import { redactUrl } from "../core/redact.ts";
import { PassingFailure } from "./passing-failure.ts";
import { describeProxy } from "./proxy.ts";

const passingWords: ReadonlyMap<string, string> = new Map([
  ["ECONNRESET", "the connection broke off"],
  ["ECONNREFUSED", "the connection was refused"],
  ["ConnectionRefused", "the connection was refused"],
  ["ConnectionClosed", "the connection broke off"],
  ["ENOTFOUND", "there is no such host"],
  ["EAI_AGAIN", "the name could not be looked up"],
  ["ETIMEDOUT", "the connection timed out"],
  ["EPIPE", "the connection broke off"],
  ["EPROTO", "the TLS handshake failed"],
  ["ENETUNREACH", "the network is unreachable"],
  ["EHOSTUNREACH", "the host is unreachable"],
]);

/**
 * What went wrong on the way to a server, in words.
 *
 * @param phase whether the headers had arrived.
 * @param error what `fetch` or its body threw.
 */
export function networkError(
  url: string,
  phase: "headers" | "body",
  error: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): BangerError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  const subject = subjectOf(url, environment);
  if (code === "ERR_PROXY_TUNNEL") return tunnelError(subject, error);
  const words = passingWords.get(code);
  if (words !== undefined || phase === "body") {
    return new PassingFailure(
      "network",
      `${subject}: ${words ?? `the answer broke off (${code})`}`,
      error,
    );
  }
  if (/CERT|SIGNATURE|SIGNED|ISSUER|ALTNAME/.test(code)) {
    return new BangerError("network", `${subject}: the certificate is not trusted (${code})`, {
      hint: "a private certificate authority is named by SSL_CERT_FILE=/path/to/ca.pem",
      cause: error,
    });
  }
  return new BangerError("network", `${subject}: the request failed (${code})`, { cause: error });
}

/** How messages call a server: by its URL and, if there is one on the way, its proxy. */
export function subjectOf(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const proxy = describeProxy(url, environment);
  return proxy === undefined ? redactUrl(url) : `${redactUrl(url)} (through the proxy ${proxy})`;
}

/** What a proxy answered to CONNECT; Bun has the status in its message only. */
function tunnelError(subject: string, error: unknown): BangerError {
  const status = error instanceof Error ? /\b[1-5]\d\d\b/.exec(error.message)?.[0] : undefined;
  const message = `${subject}: the proxy answered ${status ?? "no"}`;
  if (status?.startsWith("5") === true) return new PassingFailure("network", message, error);
  return new BangerError("network", message, {
    hint:
      status === "407"
        ? "the proxy wants credentials: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
        : undefined,
    cause: error,
  });
}
