import type * as v from "valibot";

const maxLength = 200;

/** A foreign text as a message quotes it: at most 200 characters of it. */
export function shortened(text: string): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

/**
 * The field that a schema found fault with, as a message names it.
 *
 * @param whole how the message calls the document itself.
 */
export function fieldOf(issue: v.BaseIssue<unknown>, whole: string): string {
  const path = issue.path?.map((item) => String(item.key)).join(".");
  return path === undefined ? whole : shortened(path);
}
