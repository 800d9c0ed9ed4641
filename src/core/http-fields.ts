/**
 * How many bytes a body is said to have.
 *
 * @param value of Content-Length; null when the answer has none.
 * @returns undefined when it does not say, or not in up to 15 digits.
 * @see RFC 9110, section 8.6
 */
export function contentLength(value: string | null): number | undefined {
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/**
 * The first byte of the part that an answer carries.
 *
 * @param value of Content-Range.
 * @returns undefined when it is no range of bytes, or begins beyond 15 digits.
 * @see RFC 9110, section 14.4
 */
export function rangeStart(value: string | null): number | undefined {
  const start = /^bytes (\d{1,15})-\d+\/(?:\d+|\*)$/.exec(value ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}

/**
 * Whether a text can be sent back as it came: printable ASCII, at most 1024 characters, no space at its ends. What
 * cannot would make each further request fail before it is sent.
 *
 * @see RFC 9110, section 5.5
 */
export function isSendable(text: string): boolean {
  return text.length <= 1024 && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

/**
 * What tells a file from the one that had its name before, for If-Range: a strong ETag, else the date of its
 * last change. Undefined when it is none, or cannot be sent.
 *
 * @see RFC 9110, section 13.1.5
 */
export function strongValidator(
  etag: string | null,
  lastModified: string | null,
): string | undefined {
  if (etag !== null && /^"[^"]*"$/.test(etag) && isSendable(etag)) return etag;
  return lastModified !== null && isSendable(lastModified) ? lastModified : undefined;
}

/**
 * How long a server asks to be left alone, in milliseconds.
 *
 * @param value of Retry-After: seconds, or a date.
 * @param nowMs since 1970.
 * @returns undefined when it is neither.
 * @see RFC 9110, section 10.2.3
 */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const delayMs = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : undefined;
}
