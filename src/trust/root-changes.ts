import type { Root } from "@tufjs/models";
import { holdersOf } from "./new-metadata.ts";
import { roleNames } from "./repository.ts";

/**
 * What a root changes, for whoever is to sign it: a line for each key that comes (`+`) or goes (`-`),
 * and for each threshold that is another.
 *
 * @param before undefined for the first root.
 */
export function rootChanges(before: Root | undefined, after: Root): string[] {
  const old = before === undefined ? undefined : holdersOf(before);
  const next = holdersOf(after);
  return roleNames.flatMap((role) => {
    const gone = old?.[role].keys.map(({ keyID }) => keyID) ?? [];
    const come = next[role].keys.map(({ keyID }) => keyID);
    const { threshold } = next[role];
    return [
      ...gone.filter((id) => !come.includes(id)).map((id) => `- ${role} key ${id}`),
      ...come.filter((id) => !gone.includes(id)).map((id) => `+ ${role} key ${id}`),
      ...(old?.[role].threshold === threshold ? [] : [`  ${role}: ${threshold} must sign`]),
    ];
  });
}
