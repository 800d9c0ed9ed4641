/** A place in a JSON document as people write it: `entries[2].name`. */
export type JsonPath = string;

/** What `JSON.parse` does not tell about a document. */
export interface JsonFindings {
  /** Keys that stand twice in one object; `JSON.parse` would silently take the last. */
  readonly duplicateKeys: readonly JsonPath[];
  /** Numbers that are written with a fraction or an exponent, such as `1.0`. */
  readonly nonIntegers: readonly JsonPath[];
}

type Frame =
  | {
      readonly kind: "object";
      readonly path: JsonPath;
      readonly keys: Set<string>;
      key: string | undefined;
    }
  | { readonly kind: "array"; readonly path: JsonPath; index: number };

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const space = /\s*/y;

/**
 * Looks over a document that `JSON.parse` has accepted for what it hides.
 *
 * @param text valid JSON.
 */
export function inspectJson(text: string): JsonFindings {
  const duplicateKeys: JsonPath[] = [];
  const nonIntegers: JsonPath[] = [];
  const stack: Frame[] = [];
  let position = 0;
  while (true) {
    space.lastIndex = position;
    space.exec(text);
    tokens.lastIndex = space.lastIndex;
    const token = tokens.exec(text)?.[0];
    if (token === undefined) break;
    position = tokens.lastIndex;
    const top = stack.at(-1);
    if (token === "{") {
      stack.push({ kind: "object", path: here(stack), keys: new Set(), key: undefined });
    } else if (token === "[") {
      stack.push({ kind: "array", path: here(stack), index: 0 });
    } else if (token === "}" || token === "]") {
      stack.pop();
    } else if (token === ",") {
      if (top?.kind === "array") top.index += 1;
      if (top?.kind === "object") top.key = undefined;
    } else if (top?.kind === "object" && top.key === undefined && token.startsWith('"')) {
      top.key = String(JSON.parse(token));
      if (top.keys.has(top.key)) duplicateKeys.push(here(stack));
      top.keys.add(top.key);
    } else if (/^-?\d/.test(token) && /[.eE]/.test(token)) {
      nonIntegers.push(here(stack));
    }
  }
  return { duplicateKeys, nonIntegers };
}

function here(stack: readonly Frame[]): JsonPath {
  const top = stack.at(-1);
  if (top === undefined) return "";
  if (top.kind === "array") return `${top.path}[${top.index}]`;
  return top.path === "" ? (top.key ?? "") : `${top.path}.${top.key ?? ""}`;
}
