import type { CatalogEntry } from "../core/catalog.ts";
import { fileOfUrl, tarballFile } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Sha256 } from "../core/sha256.ts";
import { HashOnly } from "../io/hash-only.ts";
import { type ByteSink, fetchInto, fileSize, RefusedRequest } from "../io/http.ts";
import { PassingFailure } from "../io/passing-failure.ts";
import { checkProxy } from "../io/proxy.ts";
import { retry } from "../io/retry.ts";
import type { Context } from "./context.ts";

/** An immutable file as everybody can fetch it. */
export interface PublicObject {
  /** Its name in the bucket. */
  readonly key: string;
  readonly url: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/** The tarball and the sidecars of an entry. */
export function objectsOf(entry: CatalogEntry): PublicObject[] {
  return [
    {
      key: tarballFile(entry),
      url: entry.tarball_url,
      sha256: entry.tarball_sha256,
      sizeBytes: entry.size_bytes,
    },
    ...(entry.sidecars ?? []).map(({ url, sha256, size_bytes: sizeBytes }) => ({
      key: fileOfUrl(url),
      url,
      sha256,
      sizeBytes,
    })),
  ];
}

/** What servers are to call a file of this name. */
export function contentTypeOf(key: string): string {
  if (key.endsWith(".tar.zst")) return "application/zstd";
  return key.endsWith(".json") ? "application/json" : "application/octet-stream";
}

/** Where the bytes of a {@link verifyPublic} go. */
export interface HashingSink extends ByteSink {
  digest(): Sha256;
}

export interface VerifyOptions {
  /** Default: the bytes are kept nowhere. */
  readonly sink?: HashingSink;
  /**
   * What was uploaded a moment ago may not be there at once: wrong bytes, and none, are given several
   * tries too. Default true.
   */
  readonly isPatient?: boolean;
}

/**
 * Fetches an object by its public URL, from nowhere else, and compares its size and hash.
 *
 * @throws {BangerError} `verification-failed` for other bytes; `network`, `timeout`; the signal's reason.
 */
export async function verifyPublic(
  context: Context,
  object: PublicObject,
  { sink = new HashOnly(), isPatient = true }: VerifyOptions = {},
): Promise<void> {
  const { environment, signal } = context;
  checkProxy(object.url, environment.variables);
  context.report({ kind: "publish", name: object.key, step: "check", where: object.url });
  const work = (): Promise<void> => compare(context, object, sink);
  try {
    await retry(isPatient ? () => passing(work) : work, {
      retries: isPatient ? 2 * environment.httpRetries : environment.httpRetries,
      signal,
      onRetry: (failure, delayMs) => {
        context.report({ kind: "retry", name: object.key, failure, delayMs });
      },
    });
  } catch (error) {
    if (!(error instanceof BangerError) || signal.aborted) throw error;
    throw new BangerError(error.code, `${object.url}: ${withoutUrl(error.message, object.url)}`, {
      hint:
        error.exitCode === 4
          ? "a cache may hold older bytes, or somebody replaced the file: nobody can install it"
          : "BASE_URL must be the address at which the bucket can be read by everybody",
      cause: error,
    });
  }
}

/** Whether a failed {@link verifyPublic} means that the server has no such file, or gives it to nobody. */
export function isMissing(error: unknown): boolean {
  if (error instanceof RefusedRequest) return true;
  return error instanceof Error && error.cause !== undefined && isMissing(error.cause);
}

async function compare(context: Context, object: PublicObject, sink: HashingSink): Promise<void> {
  const { environment, signal, userAgent } = context;
  const options = {
    timeoutMs: environment.httpTimeoutMs,
    signal,
    userAgent,
    environment: environment.variables,
  };
  const declaredBytes = await fileSize(object.url, options);
  if (declaredBytes !== undefined) requireSize(declaredBytes, object);
  await fetchInto(object.url, sink, {
    ...options,
    expectedBytes: object.sizeBytes,
    onBytes: (doneBytes) => {
      context.report({
        kind: "bytes",
        name: object.key,
        stage: "download",
        doneBytes,
        totalBytes: object.sizeBytes,
      });
    },
  });
  requireSize(sink.sizeBytes, object);
  const digest = sink.digest();
  if (digest === object.sha256) return;
  sink.restart();
  throw new BangerError("verification-failed", `sha256 is ${digest}, expected ${object.sha256}`);
}

function requireSize(sizeBytes: number, object: PublicObject): void {
  if (sizeBytes === object.sizeBytes) return;
  throw new BangerError(
    "verification-failed",
    `size is ${sizeBytes} bytes, expected ${object.sizeBytes}`,
  );
}

async function passing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BangerError) || error instanceof PassingFailure) throw error;
    const { code } = error;
    if (code !== "network" && code !== "timeout" && code !== "verification-failed") throw error;
    throw new PassingFailure(code, error.message, error);
  }
}

function withoutUrl(message: string, url: string): string {
  return message.replace(`${url}: `, "").replace(`${url} `, "it ");
}
