import { shortened } from "./shortened.ts";

/** A place in a document of JSON as people write it, `entries[2].name`; the end of it where it is long. */
export type JsonPath = string;

/** What `JSON.parse` does not tell about a document. */
export interface JsonFindings {
  /** The first key that stands twice in its object; `JSON.parse` would silently take the last. */
  readonly duplicateKey: JsonPath | undefined;
  /** The first number that must be whole, and is written with a fraction or an exponent, such as `1.0`. */
  readonly fraction: JsonPath | undefined;
}

/** Says of a number whether it must be whole; `depth` is 1 for what is at the top. */
export type MustBeWhole = (key: string, depth: number) => boolean;

interface Frame {
  /** Undefined for a list. */
  readonly keys: Set<string> | undefined;
  /** Of the member that we are in; undefined before it. */
  key: string | undefined;
  /** Of the item that we are in. */
  index: number;
}

const token = /[^\s{}[\],:"]+/y;
const space = /\s*/y;

/**
 * Looks over a document that `JSON.parse` has accepted for what it hides, in a time and with a memory in
 * proportion to its length, whatever is in it: it may be anybody's.
 *
 * @param text valid JSON.
 */
export function inspectJson(text: string, mustBeWhole: MustBeWhole = () => false): JsonFindings {
  let duplicateKey: JsonPath | undefined;
  let fraction: JsonPath | undefined;
  const stack: Frame[] = [];
  let position = 0;
  for (;;) {
    space.lastIndex = position;
    space.test(text);
    position = space.lastIndex;
    if (position >= text.length) return { duplicateKey, fraction };
    const top = stack.at(-1);
    const start = position;
    const first = text.charAt(start);
    position += 1;
    if (first === "{") {
      stack.push({ keys: new Set(), key: undefined, index: 0 });
    } else if (first === "[") {
      stack.push({ keys: undefined, key: undefined, index: 0 });
    } else if (first === "}" || first === "]") {
      stack.pop();
    } else if (first === ",") {
      if (top !== undefined) Object.assign(top, { key: undefined, index: top.index + 1 });
    } else if (first === '"') {
      position = endOfString(text, start);
      if (top?.keys === undefined || top.key !== undefined) continue;
      top.key = String(JSON.parse(text.slice(start, position)));
      if (top.keys.has(top.key)) duplicateKey ??= pathOf(stack);
      top.keys.add(top.key);
    } else if (first !== ":") {
      token.lastIndex = start;
      const word = token.exec(text)?.[0] ?? "";
      position = Math.max(position, token.lastIndex);
      const mustBe = top?.key !== undefined && mustBeWhole(top.key, stack.length);
      if (mustBe && /^-?\d/.test(word) && /[.eE]/.test(word)) fraction ??= pathOf(stack);
    }
  }
}

/** Not by a pattern: those give up on long strings, and say then that there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text.charAt(quote - 1 - slashes) === "\\") slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote;
  }
}

function pathOf(stack: readonly Frame[]): JsonPath {
  let path = "";
  // What leads to it is told by its last steps too.
  for (const { keys, key = "", index } of stack.slice(-20)) {
    if (keys === undefined) path += `[${index}]`;
    else path += path === "" ? shortened(key) : `.${shortened(key)}`;
  }
  return stack.length > 20 ? `…${path}` : path;
}
