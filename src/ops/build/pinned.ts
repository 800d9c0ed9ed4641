import { BangerError } from "../../core/errors.ts";
import type { Sha256 } from "../../core/sha256.ts";
import type { Context } from "../context.ts";
import { fetchSmall } from "./fetch-source.ts";
import { whileFetching } from "./lock.ts";
import { openPart, openSource, prepareCache, sourceCacheAt, sourcePath } from "./source-cache.ts";

/** A file that is what it is by its hash, whoever serves it. */
export interface Pinned {
  readonly name: string;
  /** https. */
  readonly url: string;
  readonly sha256: Sha256;
}

/**
 * Gets a pinned file: from the cache, else from its URL.
 *
 * @param maxBytes no larger file is taken.
 * @returns where it lies in the cache, with the right bytes.
 * @throws {BangerError} `verification-failed`, when the server has other bytes; `network`, `timeout`,
 * `usage`, `io`, `no-space`; the signal's reason.
 */
export async function obtainPinned(
  context: Context,
  cache: string,
  pin: Pinned,
  maxBytes: number,
): Promise<string> {
  return whileFetching(context, cache, `pin-${pin.sha256.slice(0, 12)}`, async () => {
    const folders = sourceCacheAt(cache);
    prepareCache(folders);
    const file = sourcePath(folders, pin.sha256);
    using kept = openSource(folders, pin.sha256);
    if (kept !== undefined) return file;
    const part = openPart(folders, pin.sha256);
    try {
      const hint = `a copy with the SHA-256 ${pin.sha256} may be put to ${file}`;
      await fetchSmall(context, part, { name: pin.name, url: pin.url, maxBytes, hint });
      const digest = part.digest();
      if (digest !== pin.sha256) {
        throw new BangerError(
          "verification-failed",
          `cannot use ${pin.name}: sha256 is ${digest}, expected ${pin.sha256}`,
          { hint },
        );
      }
      part.publish(file);
      return file;
    } finally {
      part.remove();
    }
  });
}
