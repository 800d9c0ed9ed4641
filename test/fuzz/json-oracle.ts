/** What `JSON.parse` does not tell, found out in another way than banger does: by descending into the document. */

export interface JsonOracle {
  /** The place of the first key that stands twice in its object. */
  readonly duplicateKey: string | undefined;
  /** The place of the first member that is a number with a fraction or an exponent. */
  readonly fraction: string | undefined;
}

const maxDepth = 2000;

/** @param text valid JSON. @returns undefined when it is too deep to descend into */
export function jsonOracle(text: string): JsonOracle | undefined {
  let duplicateKey: string | undefined;
  let fraction: string | undefined;
  const steps: string[] = [];
  let isTooDeep = false;
  let at = 0;
  const here = (): string => steps.join("").replace(/^\./, "");
  const skip = (): void => {
    while (at < text.length && " \t\n\r".includes(text.charAt(at))) at += 1;
  };
  const string = (): string => {
    const start = at;
    at += 1;
    while (text.charAt(at) !== '"') at += text.charAt(at) === "\\" ? 2 : 1;
    at += 1;
    return String(JSON.parse(text.slice(start, at)));
  };
  const object = (): void => {
    const seen = new Set<string>();
    for (skip(); text.charAt(at) !== "}"; skip()) {
      if (text.charAt(at) === ",") at += 1;
      skip();
      const key = string();
      steps.push(`.${key}`);
      if (seen.has(key)) duplicateKey ??= here();
      seen.add(key);
      skip();
      at += 1;
      value(true);
      if (isTooDeep) return;
      steps.pop();
    }
    at += 1;
  };
  const list = (): void => {
    for (let index = 0; ; index += 1) {
      skip();
      if (text.charAt(at) === "]") break;
      if (text.charAt(at) === ",") at += 1;
      steps.push(`[${index}]`);
      value(false);
      if (isTooDeep) return;
      steps.pop();
    }
    at += 1;
  };
  const value = (isMember: boolean): void => {
    isTooDeep ||= steps.length > maxDepth;
    if (isTooDeep) return;
    skip();
    const first = text.charAt(at);
    if (first === '"') {
      string();
    } else if (first === "{" || first === "[") {
      at += 1;
      if (first === "{") object();
      else list();
    } else {
      const start = at;
      while (at < text.length && !" \t\n\r,]}".includes(text.charAt(at))) at += 1;
      const word = text.slice(start, at);
      if (isMember && /^-?\d/.test(word) && /[.eE]/.test(word)) fraction ??= here();
    }
  };
  value(false);
  return isTooDeep ? undefined : { duplicateKey, fraction };
}
