import { isSha256, type Sha256 } from "./sha256.ts";

/**
 * Reads what `sha256sum` writes: a digest, two spaces (or a space and `*`), a file name.
 *
 * @returns by file name; undefined when it is not such a list, or names a file twice.
 */
export function parseChecksums(text: string): ReadonlyMap<string, Sha256> | undefined {
  const sums = new Map<string, Sha256>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, digest = "", name = ""] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (!isSha256(digest) || sums.has(name)) return undefined;
    sums.set(name, digest);
  }
  return sums;
}
