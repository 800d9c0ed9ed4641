/** Choices that a seed repeats. */
import { createHash } from "node:crypto";

/**
 * A stream of choices; the same labels give the same stream.
 *
 * @example
 * new Random("7", "worker", 3).pick(["pull", "rm"]);
 */
export class Random {
  readonly #label: string;
  #count = 0;

  constructor(...labels: readonly (string | number)[]) {
    this.#label = labels.join("/");
  }

  /** At least 0, below 1. */
  next(): number {
    this.#count += 1;
    const digest = createHash("sha256").update(`${this.#label} ${this.#count}`).digest();
    return digest.readUIntBE(0, 6) / 2 ** 48;
  }

  /** A whole number from `low` to below `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.between(0, items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  /** A key, as often as its weight says. */
  weighted<Key extends string>(weights: readonly (readonly [Key, number])[]): Key {
    let left = this.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of weights) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new Error("there is nothing to pick from");
  }
}
