import { Needle } from "./needle.ts";

/** What a kernel says about itself. */
export interface Banner {
  /** The whole banner without its newline, at most 1,024 characters, each one printable ASCII. */
  readonly text: string;
  /** `uname -r`: `6.12.117-generic`; at most 64 characters. */
  readonly release: string;
  /** The numbers at the start of the release: `6.12.117`. */
  readonly version: string;
}

const needle = new Needle("Linux version ");
const maxTextBytes = 1024;
const maxReleaseBytes = 64;
/** Of the banner that `init/version.c` has until the number of the build is known: no number, and no date. */
const placeholder = /\) # [A-Z]/;
const pattern = /^(\d{1,5}(?:\.\d{1,5}){1,2})(?!\d)/;

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
 * of any size. Format strings such as `Linux version %s (%s)` do not count, and the banner that stands in
 * for the real one while a kernel is linked only when there is no other. Keeps at most 1 KiB between
 * chunks and never throws.
 *
 * @see https://github.com/torvalds/linux/blob/master/init/version-timestamp.c linux_banner
 * @see https://github.com/torvalds/linux/blob/master/init/version.c for what stands in for it
 * @example
 * const search = new BannerSearch();
 * for await (const chunk of file) if (search.push(chunk)) break;
 * search.found?.version; // "6.12.117"
 */
export class BannerSearch {
  #found: Banner | undefined;
  #placeholder: Banner | undefined;
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
    if (this.#found !== undefined) return this.#found;
    const last = needle.indexIn(this.#rest, 0) === 0 ? readBanner(this.#rest, 0) : undefined;
    return last === undefined || last === "cut" ? this.#placeholder : last;
  }

  /**
   * Looks for a banner that starts before `limit`.
   *
   * @returns the start of the first one that needs more bytes than there are, or `limit`.
   */
  #scan(bytes: Uint8Array, limit: number): number {
    let from = 0;
    for (;;) {
      const start = needle.indexIn(bytes, from);
      if (start < 0) return Math.min(limit, needle.cutIndexIn(bytes, from));
      if (start >= limit) return limit;
      const banner = readBanner(bytes, start);
      if (banner === "cut") return start;
      if (banner !== undefined) {
        const whole = banner.text.length === maxTextBytes;
        if (!whole && start + banner.text.length === bytes.length) return start;
        if (!placeholder.test(banner.text)) {
          this.#found = banner;
          return limit;
        }
        this.#placeholder ??= banner;
      }
      from = start + 1;
    }
  }
}

/** Who built a kernel, with what and when, as its banner says. */
export interface BannerParts {
  /** Like `banger@banger`. */
  readonly builder: string;
  /** Like `gcc (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40`. */
  readonly compiler: string;
  /** Like `#1 SMP PREEMPT_DYNAMIC Fri Nov 13 00:00:00 UTC 2026`. */
  readonly build: string;
}

/** Takes a banner apart; undefined when it has another form. */
export function bannerParts({ text, release }: Banner): BannerParts | undefined {
  const rest = text.slice(`Linux version ${release} `.length);
  const builder = bracketed(rest);
  const compiler = bracketed(rest.slice(builder.length + 3));
  const build = rest.slice(builder.length + compiler.length + 6);
  if (builder === "" || compiler === "" || build === "") return undefined;
  if (rest !== `(${builder}) (${compiler}) ${build}`) return undefined;
  return { builder, compiler, build };
}

/** What stands in the brackets that `text` begins with; empty when there are none, or they do not close. */
function bracketed(text: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "(") depth++;
    if (text[index] === ")") depth--;
    if (depth === 0) return text.slice(1, Math.max(1, index));
  }
  return "";
}
