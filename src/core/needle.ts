/** Some ASCII text to find in bytes: of the places that it could be at, few are looked at (Horspool). */
export class Needle {
  readonly length: number;
  readonly #bytes: Uint8Array;
  /** How far the window may move when it ends in a byte. No input makes the search slow. */
  readonly #skips: Uint8Array;

  /** @param text 1 to 255 characters of ASCII. */
  constructor(text: string) {
    this.#bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    this.length = this.#bytes.length;
    this.#skips = new Uint8Array(256).fill(this.length);
    for (const [index, byte] of this.#bytes.subarray(0, -1).entries()) {
      this.#skips[byte] = this.length - 1 - index;
    }
  }

  /** The first place at or after `from` where the text is whole, or -1. */
  indexIn(bytes: Uint8Array, from: number): number {
    const wanted = this.#bytes;
    const skips = this.#skips;
    const last = wanted.length - 1;
    const lastByte = wanted[last] ?? 0;
    let end = from + last;
    while (end < bytes.length) {
      const byte = bytes[end] ?? 0;
      if (byte === lastByte) {
        let index = last - 1;
        while (index >= 0 && bytes[end - last + index] === wanted[index]) index--;
        if (index < 0) return end - last;
      }
      end += skips[byte] ?? 1;
    }
    return -1;
  }

  /** Where, at or after `from`, the text begins that the end of `bytes` cuts; else `bytes.length`. */
  cutIndexIn(bytes: Uint8Array, from: number): number {
    const first = Math.max(from, bytes.length - this.length + 1);
    for (let start = first; start < bytes.length; start++) {
      let index = 0;
      while (start + index < bytes.length && bytes[start + index] === this.#bytes[index]) index++;
      if (start + index === bytes.length) return start;
    }
    return bytes.length;
  }
}
