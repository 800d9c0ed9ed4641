import { escapeControls } from "./escape.ts";

/**
 * A URL as it may be printed: its password or token, and its query, are left out.
 *
 * @example
 * redactUrl("https://me:secret@host/x?token=1"); // "https://***@host/x?***"
 */
export function redactUrl(url: string): string {
  const withoutCredentials = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1***@");
  return escapeControls(withoutCredentials.replace(/\?.*$/s, "?***"));
}
