import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { readText } from "../../io/files.ts";
import { fetchFile, fetchSmallFile, type FileOptions } from "../../io/fetch-file.ts";
import type { PartFile } from "../../io/part-file.ts";
import type { Context } from "../context.ts";
import { openPart, type SourceCache } from "./source-cache.ts";

/** What to fetch, and what to do when that cannot be had. */
export interface FetchWish {
  /** How progress and errors call it. */
  readonly name: string;
  readonly url: string;
  readonly maxBytes: number;
  /** What helps when no server gives it. */
  readonly hint: string;
}

/**
 * Fetches a large file into a part file, going on where an earlier run has stopped.
 *
 * @throws as `fetchFile` does, with what was being done.
 */
export async function fetchLarge(
  context: Context,
  part: PartFile,
  wish: FetchWish & { readonly plainHttp?: boolean },
): Promise<void> {
  const { name, url } = wish;
  let totalBytes = 0;
  const options: FileOptions = {
    ...commonOptions(context, wish),
    plainHttp: wish.plainHttp,
    onStart: (sizeBytes, resumedBytes) => {
      totalBytes = sizeBytes;
      context.report({ kind: "download", name, source: url, totalBytes, resumedBytes });
    },
    onBytes: (doneBytes) => {
      context.report({ kind: "bytes", name, stage: "download", doneBytes, totalBytes });
    },
  };
  await explained(wish, () => fetchFile(url, part, options));
}

/** Fetches a small file into a part file. @throws as `fetchSmallFile` does, with what was being done */
export async function fetchSmall(context: Context, part: PartFile, wish: FetchWish): Promise<void> {
  await explained(wish, () => fetchSmallFile(wish.url, part, commonOptions(context, wish)));
}

/** Fetches a small text, of which nothing stays in the cache. @throws as {@link fetchSmall} */
export async function fetchText(
  context: Context,
  cache: SourceCache,
  wish: FetchWish,
): Promise<string> {
  const part = openPart(cache, wish.name);
  try {
    await fetchSmall(context, part, wish);
    return readText(path.join(cache.parts, wish.name), wish.maxBytes) ?? "";
  } finally {
    part.remove();
  }
}

function commonOptions(
  context: Context,
  { name, maxBytes }: FetchWish,
): Omit<FileOptions, "onStart" | "onBytes"> {
  const { environment, signal, userAgent } = context;
  return {
    maxBytes,
    timeoutMs: environment.httpTimeoutMs,
    retries: environment.httpRetries,
    signal,
    userAgent,
    environment: environment.variables,
    onRetry: (failure, delayMs) => {
      context.report({ kind: "retry", name, failure, delayMs });
    },
  };
}

/** Only what a server did is for the wish's hint to mend. */
async function explained(wish: FetchWish, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    if (error.exitCode !== 4 && error.exitCode !== 5) throw error;
    throw new BangerError(error.code, `cannot get ${wish.name}: ${error.message}`, {
      hint: wish.hint,
      cause: error,
    });
  }
}
