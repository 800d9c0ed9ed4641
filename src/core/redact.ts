import { escapeControls } from "./escape.ts";

/**
 * A URL as it may be printed: its password or token, and its query, are left out.
 *
 * @example
 * redactUrl("https://me:secret@host/x?token=1"); // "https://***@host/x?***"
 */
export function redactUrl(url: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  // A proxy without its scheme, or a password with a slash: it may be anywhere before an @.
  const isSound =
    authority !== undefined && (authority.includes("@") || /^[^:]*(:\d*)?$/.test(authority));
  const credentials = isSound
    ? /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i
    : /^([a-z][a-z0-9+.-]*:\/\/)?.*@/is;
  return escapeControls(url.replace(credentials, "$1***@").replace(/\?.*$/s, "?***"));
}
