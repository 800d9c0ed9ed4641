/** What people give to the long runs of make: SEED, MINUTES and the like. */

/** Ends with 2, and says what is wrong and how it is meant. */
export function refuseUsage(problem: string, usage: string): never {
  console.error(`error: ${problem}`);
  console.error(`usage: make ${usage}`);
  process.exit(2);
}

/** A number above zero; ends with 2 when it is none. */
export function positiveNumber(name: string, text: string, usage: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  return refuseUsage(`${name} wants a number above zero, not ${JSON.stringify(text)}`, usage);
}
