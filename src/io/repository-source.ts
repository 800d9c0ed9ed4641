import path from "node:path";
import { BangerError } from "../core/errors.ts";
import { redactUrl } from "../core/redact.ts";
import { fetchSmallFile } from "./fetch-file.ts";
import { lookThrough } from "./files.ts";
import { RefusedRequest, type RequestOptions } from "./http.ts";
import { MemorySink } from "./memory-sink.ts";
import { readWhole } from "./read-range.ts";
import type { RetryOptions } from "./retry.ts";

/** A place that has the files of a signed repository. Nothing that it gives is trusted. */
export interface RepositorySource {
  /** As messages call it: a URL or a folder. */
  readonly label: string;
  /**
   * @param file its path in the repository.
   * @param maxBytes no more is taken.
   * @returns undefined when there is no such file.
   * @throws {BangerError} `network`, `timeout`; `verification-failed`, when it is larger.
   */
  read(file: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/** A repository in a folder; its metadata may also lie in the folder itself, and its targets beside it. */
export function folderSource(folder: string): RepositorySource {
  const root = path.resolve(folder);
  const place = (file: string): string => {
    const at = path.join(root, file);
    const isFlat = lookedAt(path.join(root, "metadata")) === undefined;
    return isFlat && lookedAt(at) === undefined ? path.join(root, path.basename(file)) : at;
  };
  return {
    label: root,
    async read(file, maxBytes) {
      const at = place(file);
      const stats = lookedAt(at);
      if (stats === undefined) return undefined;
      if (!stats.isFile()) throw new BangerError("network", `${at} is not a file`);
      if (stats.size > maxBytes) throw tooLarge(at, maxBytes);
      return readWhole(at);
    },
  };
}

/** A folder that cannot be looked into is to whoever asks what a server is that cannot be reached. */
function lookedAt(file: string): ReturnType<typeof lookThrough> {
  try {
    return lookThrough(file);
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    throw new BangerError("network", error.message, { hint: error.hint, cause: error });
  }
}

/** What servers answer for a file that is not there; an object storage that may not be listed says 403. */
const absent: readonly number[] = [403, 404, 410];

/** A repository behind a web server. What it gives is verified, so plain http will do. */
export function webSource(base: string, options: RequestOptions & RetryOptions): RepositorySource {
  return {
    label: redactUrl(base),
    async read(file, maxBytes) {
      const sink = new MemorySink();
      try {
        const url = `${base.replace(/\/+$/, "")}/${file}`;
        await fetchSmallFile(url, sink, { ...options, maxBytes, plainHttp: true });
      } catch (error) {
        if (error instanceof RefusedRequest && absent.includes(error.status)) return undefined;
        throw error;
      }
      return sink.bytes();
    },
  };
}

function tooLarge(file: string, maxBytes: number): BangerError {
  return new BangerError("verification-failed", `${file} has more than ${maxBytes} bytes`);
}
