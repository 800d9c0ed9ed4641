declare const brand: unique symbol;

/** A kernel version such as `6.12.117`, `6.18`, `6.19-rc3` or `6.12.117-1-amd64`. */
export type KernelVersion = string & { readonly [brand]: "KernelVersion" };

const pattern = /^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?(-[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63})?$/;

/** Narrows `text` to a kernel version: `MAJOR.MINOR[.PATCH][-SUFFIX]`. */
export function isKernelVersion(text: string): text is KernelVersion {
  return pattern.test(text);
}

/**
 * The minor line that a version belongs to.
 *
 * @example
 * kernelLine("6.12.117"); // "6.12"
 */
export function kernelLine(version: KernelVersion): string {
  const [, major, minor] = pattern.exec(version) ?? [];
  return `${major}.${minor}`;
}

/**
 * Orders versions by their numbers; a release candidate comes before its release, any other suffix
 * after it.
 *
 * @returns negative when `a` is older than `b`, zero when equal, positive when newer.
 */
export function compareVersions(a: KernelVersion, b: KernelVersion): number {
  const left = sortKey(a);
  const right = sortKey(b);
  for (const [index, value] of left.numbers.entries()) {
    const difference = value - (right.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return compareSuffixes(left.suffix, right.suffix);
}

/** Runs of digits by their value, all else by its characters: `-rc10` comes after `-rc9`. */
function compareSuffixes(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const areNumbers = /^\d/.test(part) && /^\d/.test(other);
    if (areNumbers && Number(part) !== Number(other)) return Number(part) - Number(other);
    if (part !== other) return part < other ? -1 : 1;
  }
  return left.length - right.length;
}

function sortKey(version: KernelVersion): { numbers: number[]; suffix: string } {
  const [, major, minor, patch, suffix = ""] = pattern.exec(version) ?? [];
  const isCandidate = /^-rc\d/.test(suffix);
  return {
    numbers: [Number(major), Number(minor), Number(patch ?? 0), isCandidate ? 0 : 1],
    suffix,
  };
}
