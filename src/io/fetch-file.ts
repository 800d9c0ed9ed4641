import { BangerError } from "../core/errors.ts";
import { redactUrl } from "../core/redact.ts";
import { type ByteSink, fetchInto, fileSize, type FetchOptions } from "./http.ts";
import type { PartFile } from "./part-file.ts";
import { PassingFailure } from "./passing-failure.ts";
import { checkProxy } from "./proxy.ts";
import { retry, type RetryOptions } from "./retry.ts";

export interface FileOptions extends Omit<FetchOptions, "expectedBytes">, RetryOptions {
  /** No larger file is taken. */
  readonly maxBytes: number;
  /** Takes http too: for bytes that somebody has pinned by their hash. Default: https only. */
  readonly plainHttp?: boolean | undefined;
  /** Called once the size is known; `resumedBytes` of it are there already. */
  readonly onStart: (totalBytes: number, resumedBytes: number) => void;
}

/**
 * Fetches a file whose size is not known beforehand: the server is asked for it first, and the file
 * is whole when it has that size. What is there of it is continued. Its contents are for the caller
 * to judge.
 *
 * @param url https, or http where the options say so.
 * @throws {BangerError} `network`, `timeout`; `verification-failed`, when it is longer than the
 * server said; `usage`, when the URL is not https; `io`, `no-space`; the signal's reason.
 */
export async function fetchFile(url: string, part: PartFile, options: FileOptions): Promise<void> {
  requireWeb(url, options.plainHttp === true);
  checkProxy(url, options.environment);
  await retry(async () => {
    const expectedBytes = await fileSize(url, options);
    if (expectedBytes === undefined) {
      throw new BangerError(
        "network",
        `${redactUrl(url)}: the server does not say how large it is`,
      );
    }
    if (expectedBytes > options.maxBytes) throw tooLarge(url, expectedBytes, options.maxBytes);
    const keptBytes = part.origin?.url === url ? part.sizeBytes : 0;
    options.onStart(expectedBytes, keptBytes);
    if (keptBytes === expectedBytes) return;
    await fetchInto(url, part, { ...options, expectedBytes });
    if (part.sizeBytes < expectedBytes) {
      throw new PassingFailure(
        "network",
        `${redactUrl(url)}: the answer has ${part.sizeBytes} bytes, expected ${expectedBytes}`,
      );
    }
  }, options);
}

/**
 * Fetches a small file, of which nothing is kept when it fails.
 *
 * @throws as {@link fetchFile}.
 */
export async function fetchSmallFile(
  url: string,
  part: ByteSink,
  options: Omit<FileOptions, "onStart" | "onBytes">,
): Promise<void> {
  requireWeb(url, options.plainHttp === true);
  checkProxy(url, options.environment);
  await retry(async () => {
    part.restart();
    await fetchInto(url, part, {
      ...options,
      expectedBytes: options.maxBytes,
      onBytes: () => {
        // Over at once.
      },
    });
  }, options);
}

function requireWeb(url: string, plainHttp: boolean): void {
  const isWeb = url.startsWith("https://") || (plainHttp && url.startsWith("http://"));
  if (isWeb && URL.canParse(url)) return;
  throw new BangerError("usage", `${redactUrl(url)} is not an https URL`);
}

function tooLarge(url: string, sizeBytes: number, maxBytes: number): BangerError {
  return new BangerError(
    "network",
    `${redactUrl(url)} has ${sizeBytes} bytes, at most ${maxBytes} are taken`,
  );
}
