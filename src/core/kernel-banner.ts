/** What a kernel says about itself. */
export interface Banner {
  /** The whole banner without its newline, at most 1,024 characters, each one printable ASCII. */
  readonly text: string;
  /** `uname -r`: `6.12.117-generic`; at most 64 characters. */
  readonly release: string;
  /** The numbers at the start of the release: `6.12.117`. */
  readonly version: string;
}

const needle: readonly number[] = Array.from("Linux version ", (letter) => letter.charCodeAt(0));
const last = needle.length - 1;
const maxTextBytes = 1024;
const maxReleaseBytes = 64;
const pattern = /^(\d{1,5}(?:\.\d{1,5}){1,2})(?!\d)/;

// How far the window may move when it ends in a byte (Horspool): one byte in ten is looked at, and
// unlike a search for one byte it has no input on which it is slow.
const skips: Uint8Array = new Uint8Array(256).fill(needle.length);
for (const [index, byte] of needle.slice(0, last).entries()) skips[byte] = last - index;

/** The first place at or after `from` where the needle is whole, or -1. */
function indexOfNeedle(bytes: Uint8Array, from: number): number {
  let end = from + last;
  while (end < bytes.length) {
    const byte = bytes[end] ?? 0;
    if (byte === 0x20) {
      let index = last - 1;
      while (index >= 0 && bytes[end - last + index] === needle[index]) index--;
      if (index < 0) return end - last;
    }
    end += skips[byte] ?? 1;
  }
  return -1;
}

/** Where a needle begins that the end of `bytes` cuts, or `bytes.length`. */
function indexOfCutNeedle(bytes: Uint8Array, from: number): number {
  for (let start = Math.max(from, bytes.length - last); start < bytes.length; start++) {
    let index = 0;
    while (start + index < bytes.length && bytes[start + index] === needle[index]) index++;
    if (start + index === bytes.length) return start;
  }
  return bytes.length;
}

function isPrintable(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte < 0x7f;
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

/**
 * The banner at `start`, where the needle is whole; undefined if it is none; "cut" if the bytes end
 * before that is known. Reads the long text only once the release is known to be one.
 */
function readBanner(bytes: Uint8Array, start: number): Banner | "cut" | undefined {
  const releaseAt = start + needle.length;
  let end = releaseAt;
  while (end - releaseAt <= maxReleaseBytes && isPrintable(bytes[end]) && bytes[end] !== 0x20)
    end++;
  if (end >= bytes.length) return "cut";
  if (end - releaseAt > maxReleaseBytes || bytes[end] !== 0x20) return undefined;
  if (end + 1 >= bytes.length) return "cut";
  if (bytes[end + 1] !== 0x28) return undefined;
  const release = ascii(bytes, releaseAt, end);
  const version = pattern.exec(release)?.[1];
  if (version === undefined) return undefined;
  while (end - start < maxTextBytes && isPrintable(bytes[end])) end++;
  return { text: ascii(bytes, start, end), release, version };
}

/**
 * Finds the first `Linux version 6.12.117 (builder@host) …` in a kernel image that comes in chunks
 * of any size. Format strings such as `Linux version %s (%s)` do not count. Keeps at most 1 KiB
 * between chunks and never throws.
 *
 * @see https://github.com/torvalds/linux/blob/master/init/version-timestamp.c linux_banner
 * @example
 * const search = new BannerSearch();
 * for await (const chunk of file) if (search.push(chunk)) break;
 * search.found?.version; // "6.12.117"
 */
export class BannerSearch {
  #found: Banner | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  /**
   * Looks at the next bytes of the image; `chunk` is not kept.
   *
   * @returns true once the banner is complete and no further chunk can change `found`.
   */
  push(chunk: Uint8Array): boolean {
    if (this.#found !== undefined) return true;
    const held = this.#rest.length;
    if (held > 0) {
      const joined = new Uint8Array(held + Math.min(chunk.length, maxTextBytes));
      joined.set(this.#rest);
      joined.set(chunk.subarray(0, maxTextBytes), held);
      const undecided = this.#scan(joined, held);
      if (this.#found !== undefined) return true;
      if (undecided < held) {
        this.#rest = joined.slice(undecided);
        return false;
      }
    }
    this.#rest = chunk.slice(this.#scan(chunk, chunk.length));
    return this.#found !== undefined;
  }

  /**
   * The banner, or undefined if there was none so far. While `push` returns false and the image
   * goes on, `text` may still grow; the release and the version do not.
   */
  get found(): Banner | undefined {
    if (this.#found !== undefined || indexOfNeedle(this.#rest, 0) !== 0) return this.#found;
    const banner = readBanner(this.#rest, 0);
    return banner === "cut" ? undefined : banner;
  }

  /**
   * Looks for a banner that starts before `limit`.
   *
   * @returns the start of the first one that needs more bytes than there are, or `limit`.
   */
  #scan(bytes: Uint8Array, limit: number): number {
    let from = 0;
    for (;;) {
      const start = indexOfNeedle(bytes, from);
      if (start < 0) return Math.min(limit, indexOfCutNeedle(bytes, from));
      if (start >= limit) return limit;
      const banner = readBanner(bytes, start);
      if (banner === "cut") return start;
      if (banner !== undefined) {
        const whole = banner.text.length === maxTextBytes;
        if (!whole && start + banner.text.length === bytes.length) return start;
        this.#found = banner;
        return limit;
      }
      from = start + 1;
    }
  }
}
