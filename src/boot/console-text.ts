/** No more of the beginning is kept, and no less of the end: a million characters. */
const keptLength = 2 ** 20;
/** A line that is longer is looked at in pieces. */
const maxLineLength = 4096;

/** What a guest writes, which may be without end and come a few characters at a time. */
export class ConsoleText {
  #head = "";
  /** What follows the head, in the pieces in which it came. */
  #tail: string[] = [];
  #tailLength = 0;
  /** The line that is not ended yet. */
  #line = "";

  /**
   * Takes what came next.
   *
   * @returns the lines that are new, and the one before as far as it was not ended.
   */
  add(text: string): string {
    const room = keptLength - this.#head.length;
    this.#head += text.slice(0, room);
    if (text.length > room) this.#follow(text.slice(room));
    const lines = this.#line + text;
    this.#line = lines.slice(lines.lastIndexOf("\n") + 1).slice(-maxLineLength);
    return lines;
  }

  /** The beginning and the end. */
  get text(): string {
    return this.#head + this.#tail.join("");
  }

  #follow(text: string): void {
    this.#tail.push(text);
    this.#tailLength += text.length;
    if (this.#tailLength <= 2 * keptLength) return;
    const end = this.#tail.join("").slice(-keptLength);
    // What is left out is not to make one line of two.
    this.#tail = ["\n", end];
    this.#tailLength = end.length + 1;
  }
}
