/**
 * A number of bytes for people: decimal units, three significant digits.
 *
 * @example
 * formatBytes(9004495); // "9.00 MB"
 */
export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = sizeBytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * Memory in the unit that Firecracker counts in, rounded up.
 *
 * @example
 * formatMib(52_000_000); // "50 MiB"
 */
export function formatMib(sizeBytes: number): string {
  return `${Math.ceil(sizeBytes / 2 ** 20)} MiB`;
}
