import * as path from "node:path";
import { BangerError } from "../core/errors.ts";
import { redactUrl } from "../core/redact.ts";

/** Where a mirror is. None is trusted with anything: hashes and signatures decide. */
export type MirrorPlace =
  | { readonly kind: "folder"; readonly folder: string }
  /** Without a slash at its end. */
  | { readonly kind: "http"; readonly url: string };

/**
 * Reads where a mirror is: a folder, or a file, http or https URL.
 *
 * @param what how the error calls it.
 * @throws {BangerError} `usage`
 */
export function mirrorPlace(mirror: string, what = "BANGER_MIRRORS"): MirrorPlace {
  if (/^https?:\/\//i.test(mirror) && URL.canParse(mirror)) {
    return { kind: "http", url: mirror.replace(/\/+$/, "") };
  }
  const isFile = /^file:\/\//i.test(mirror);
  if (!isFile && /^[a-z][a-z0-9+.-]*:\/\//i.test(mirror)) throw noMirror(mirror, what);
  return { kind: "folder", folder: isFile ? folderOfUrl(mirror, what) : path.resolve(mirror) };
}

function folderOfUrl(mirror: string, what: string): string {
  if (URL.canParse(mirror)) {
    const { host, pathname } = new URL(mirror);
    if (host === "" || host === "localhost") {
      try {
        return decodeURIComponent(pathname);
      } catch {
        // an escape that is no UTF-8
      }
    }
  }
  throw noMirror(mirror, what);
}

function noMirror(mirror: string, what: string): BangerError {
  return new BangerError("usage", `${what}: ${redactUrl(mirror)} is not a mirror`, {
    hint: "a mirror is a folder, or a file://, http:// or https:// URL; several are parted by commas",
  });
}
