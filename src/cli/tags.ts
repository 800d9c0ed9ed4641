import type { FeatureTag } from "../core/feature-tags.ts";
import { BangerError } from "../core/errors.ts";

/** Of a flag that may stand more than once: all its values count. */
export function joined(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`;
}

/** The feature tags that a flag names, separated by commas. @throws {BangerError} `usage` */
export async function tagsOf(text: string | undefined, flag: string): Promise<FeatureTag[]> {
  if (text === undefined) return [];
  const { featureTags, isFeatureTag } = await import("../core/feature-tags.ts");
  const { nearest } = await import("../core/nearest.ts");
  const words = text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => !isFeatureTag(word));
  if (wrong !== undefined) {
    const meant = nearest(wrong, featureTags);
    throw new BangerError("usage", `${flag}: ${JSON.stringify(wrong)} is no feature`, {
      hint: `${meant === undefined ? "" : `did you mean ${meant}?\n`}there are ${featureTags.join(", ")}`,
    });
  }
  return [...new Set(words.filter(isFeatureTag))];
}
