import * as path from "node:path";
import { tarballFile, type CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { redactUrl } from "../core/redact.ts";
import { fetchInto } from "../io/http.ts";
import { copyInto } from "../io/mirror-folder.ts";
import type { PartFile } from "../io/part-file.ts";
import { PassingFailure } from "../io/passing-failure.ts";
import { checkProxy } from "../io/proxy.ts";
import { retry } from "../io/retry.ts";
import type { Context } from "./context.ts";
import { mirrorPlace } from "./mirrors.ts";
import type { PublicObject } from "./public-object.ts";

/** A place that may have the tarball. None is trusted with anything: the hash decides. */
type Source =
  | { readonly kind: "folder"; readonly label: string; readonly file: string }
  | { readonly kind: "http"; readonly label: string; readonly url: string };

/** A file of the catalog, and how progress calls it. */
export interface WantedObject extends PublicObject {
  readonly name: string;
}

/** Brings the whole tarball of an entry into the part file. @throws as {@link downloadObject} */
export function download(context: Context, entry: CatalogEntry, part: PartFile): Promise<void> {
  const { name, tarball_url: url, tarball_sha256: sha256, size_bytes: sizeBytes } = entry;
  return downloadObject(context, { name, key: tarballFile(entry), url, sha256, sizeBytes }, part);
}

/**
 * Brings a whole tarball or sidecar into the part file: from each mirror in turn, then from its own
 * URL.
 *
 * @throws {BangerError} when no source has the right bytes: `verification-failed` if any of them
 * served wrong ones, else `network` or `timeout`. `usage` for a mirror that is none. `io`,
 * `no-space` of the part file; the signal's reason.
 */
export async function downloadObject(
  context: Context,
  wanted: WantedObject,
  part: PartFile,
): Promise<void> {
  const failures: { source: Source; failure: BangerError }[] = [];
  for (const source of sourcesOf(context, wanted)) {
    try {
      await downloadFrom(context, wanted, part, source);
      return;
    } catch (error) {
      if (!(error instanceof BangerError) || !isOfSource(error)) throw error;
      failures.push({ source, failure: error });
      context.report({
        kind: "source-failed",
        name: wanted.name,
        source: source.label,
        failure: error,
      });
    }
  }
  throw summary(failures);
}

function sourcesOf(context: Context, { key, url }: WantedObject): Source[] {
  return [
    ...context.environment.mirrors.map((mirror) => mirrorSource(mirror, key)),
    { kind: "http", label: url, url },
  ];
}

function mirrorSource(mirror: string, file: string): Source {
  const place = mirrorPlace(mirror);
  if (place.kind === "http") {
    const url = `${place.url}/${file}`;
    return { kind: "http", label: redactUrl(url), url };
  }
  const label = path.join(place.folder, file);
  return { kind: "folder", label, file: label };
}

/** Failures that another source may not have; the others are ours, and no source can mend them. */
function isOfSource(error: BangerError): boolean {
  return error.exitCode === 4 || error.exitCode === 5;
}

async function downloadFrom(
  context: Context,
  wanted: WantedObject,
  part: PartFile,
  source: Source,
): Promise<void> {
  const { environment, signal } = context;
  const onBytes = (doneBytes: number): void => {
    context.report({
      kind: "bytes",
      name: wanted.name,
      stage: "download",
      doneBytes,
      totalBytes: wanted.sizeBytes,
    });
  };
  const resumedBytes =
    source.kind === "http" && part.origin?.url === source.url ? part.sizeBytes : 0;
  context.report({
    kind: "download",
    name: wanted.name,
    source: source.label,
    totalBytes: wanted.sizeBytes,
    resumedBytes,
  });
  if (source.kind === "folder") {
    await copyInto(source.file, part, wanted.sizeBytes, { signal, onBytes });
    requireRightBytes(wanted, part, 0);
    return;
  }
  checkProxy(source.url, environment.variables);
  await retry(
    async () => {
      const keptBytes = part.origin?.url === source.url ? part.sizeBytes : 0;
      if (keptBytes < wanted.sizeBytes) {
        await fetchInto(source.url, part, {
          expectedBytes: wanted.sizeBytes,
          timeoutMs: environment.httpTimeoutMs,
          signal,
          userAgent: context.userAgent,
          environment: environment.variables,
          onBytes,
        });
      }
      requireRightBytes(wanted, part, keptBytes);
    },
    {
      retries: environment.httpRetries,
      signal,
      onRetry: (failure, delayMs) => {
        context.report({ kind: "retry", name: wanted.name, failure, delayMs });
      },
    },
  );
}

/** @param keptBytes how many of the bytes came from an earlier answer. */
function requireRightBytes(wanted: WantedObject, part: PartFile, keptBytes: number): void {
  if (part.sizeBytes < wanted.sizeBytes) {
    throw new PassingFailure(
      "verification-failed",
      `size is ${part.sizeBytes} bytes, expected ${wanted.sizeBytes}`,
    );
  }
  const digest = part.digest();
  if (digest === wanted.sha256) return;
  part.restart();
  const message = `sha256 is ${digest}, expected ${wanted.sha256}`;
  // Two halves of two different files: the whole file may well be right.
  if (keptBytes > 0) throw new PassingFailure("verification-failed", message);
  throw new BangerError("verification-failed", message);
}

function summary(failures: readonly { source: Source; failure: BangerError }[]): BangerError {
  const worst =
    failures.find(({ failure }) => failure.exitCode === 4) ?? failures[failures.length - 1];
  if (worst === undefined) throw new Error("there is always the entry's own URL");
  const { source, failure } = worst;
  const message = failure.message.includes(source.label)
    ? failure.message
    : `${source.label}: ${failure.message}`;
  return new BangerError(failure.code, message, {
    hint:
      failure.hint ??
      (failure.exitCode === 5
        ? "BANGER_MIRRORS can name a folder or a URL that has the bundles"
        : "the bytes were not installed; another mirror may have the right ones (BANGER_MIRRORS)"),
    cause: failure,
  });
}
