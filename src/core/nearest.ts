/**
 * The candidate that someone who typed `word` most likely meant. One that begins with `word` wins,
 * the shortest first; else the one with the fewest typing errors (letters missing, added, wrong or
 * swapped with their neighbour), at most a third of the word, and at least one. The earlier
 * candidate wins a tie.
 *
 * @returns undefined if nothing is close.
 * @see https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance optimal string alignment
 * @example
 * nearest("lsit", ["list", "pull"]); // "list"
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word === "") return undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  let longer: string | undefined;
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (candidate.startsWith(word) && candidate.length < (longer?.length ?? Infinity)) {
      longer = candidate;
    }
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = typingErrors(word, candidate);
    // A candidate that shares no letter is no typing error, however short.
    if (distance < bestDistance && distance < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return longer ?? best;
}

function typingErrors(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let least = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}
