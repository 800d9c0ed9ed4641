import { type RepositorySource, webSource } from "../io/repository-source.ts";
import type { Context } from "./context.ts";

/** A signed repository behind a web server, asked as this user wants servers to be asked. */
export function webRepository(context: Context, url: string): RepositorySource {
  const { environment, signal, userAgent } = context;
  return webSource(url, {
    signal,
    userAgent,
    timeoutMs: environment.httpTimeoutMs,
    environment: environment.variables,
    retries: environment.httpRetries,
    onRetry: (failure, delayMs) => {
      context.report({ kind: "retry", name: "catalog", failure, delayMs });
    },
  });
}
