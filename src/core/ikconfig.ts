import { Needle } from "./needle.ts";

/** Where in a kernel image its configuration lies, compressed by gzip. */
export interface EmbeddedConfig {
  /** Of the first byte of the gzip stream, from the start of the image. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** No embedded configuration is larger: 1 MiB compressed. */
export const maxIkconfigBytes: number = 2 ** 20;

const needle = new Needle("IKCFG_");
/** Both marks are the needle and two letters: `IKCFG_ST`, `IKCFG_ED`. */
const markBytes = 8;
/** A kernel has one; an image that has many marks is made to waste somebody's time. */
const maxFound = 4;

/**
 * Finds what CONFIG_IKCONFIG puts into an image, which comes in chunks of any size. Never throws.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/configs.c
 */
export class IkconfigSearch {
  /** In the order of the image; what is there may be damaged. */
  readonly found: EmbeddedConfig[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  /** How many bytes came before `#rest`. */
  #before = 0;
  /** Behind the last start mark. */
  #start: number | undefined;

  /** Looks at the next bytes of the image; `chunk` is not kept. */
  push(chunk: Uint8Array): void {
    if (this.found.length >= maxFound) return;
    const held = this.#rest.length;
    if (held > 0) {
      const joined = new Uint8Array(held + Math.min(chunk.length, markBytes - 1));
      joined.set(this.#rest);
      joined.set(chunk.subarray(0, markBytes - 1), held);
      this.#scan(joined, this.#before, held);
      if (chunk.length < markBytes - 1) {
        this.#keepEnd(joined, this.#before);
        return;
      }
    }
    const at = this.#before + held;
    this.#scan(chunk, at, chunk.length);
    this.#keepEnd(chunk, at);
  }

  #keepEnd(bytes: Uint8Array, at: number): void {
    const from = Math.max(0, bytes.length - (markBytes - 1));
    this.#rest = bytes.slice(from);
    this.#before = at + from;
  }

  /** Looks for marks that are whole and begin before `limit`; `at` is where `bytes` are in the image. */
  #scan(bytes: Uint8Array, at: number, limit: number): void {
    let from = 0;
    for (;;) {
      const index = needle.indexIn(bytes, from);
      if (index < 0 || index >= limit || index + markBytes > bytes.length) return;
      this.#mark(
        bytes[index + needle.length] ?? 0,
        bytes[index + needle.length + 1] ?? 0,
        at + index,
      );
      from = index + 1;
    }
  }

  #mark(first: number, second: number, offset: number): void {
    if (first === 0x53 && second === 0x54) this.#start = offset + markBytes;
    if (first !== 0x45 || second !== 0x44 || this.#start === undefined) return;
    const sizeBytes = offset - this.#start;
    if (sizeBytes > 0 && sizeBytes <= maxIkconfigBytes && this.found.length < maxFound) {
      this.found.push({ offset: this.#start, sizeBytes });
    }
    this.#start = undefined;
  }
}
