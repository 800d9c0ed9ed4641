/** A disk that fills up and is freed again, at moments that the seed tells. */
import { rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../support/child.ts";
import { Random } from "./random.ts";

/** When the disk was full, or nearly. Milliseconds of performance.now(). */
export interface FullTime {
  readonly fromMs: number;
  /** Infinity: it still is. */
  toMs: number;
}

/** Fills a file system with one file, again and again, until it is stopped. */
export class FillingDisk {
  readonly times: FullTime[] = [];
  readonly #folder: string;
  readonly #random: Random;

  /** @param folder where the file system is mounted. */
  constructor(folder: string, seed: string) {
    this.#folder = folder;
    this.#random = new Random(seed, "disk");
  }

  /** Works until then; afterwards the disk is free. */
  async run(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await pause(this.#random.between(500, 5000), until);
      if (until.aborted) break;
      const time: FullTime = { fromMs: performance.now(), toMs: Infinity };
      this.times.push(time);
      await this.#fill(this.#random.pick([0, 0, 65_536, 524_288, 2_097_152]));
      await pause(this.#random.between(100, 700), until);
      rmSync(this.#ballast, { force: true });
      time.toMs = performance.now();
    }
  }

  /** Whether the disk may have been full within this time. */
  wasFull(fromMs: number, toMs: number): boolean {
    return this.times.some((time) => time.fromMs <= toMs && time.toMs >= fromMs);
  }

  get #ballast(): string {
    return join(this.#folder, "ballast");
  }

  async #fill(leaveBytes: number): Promise<void> {
    const { bfree, bsize } = statfsSync(this.#folder);
    // Others write meanwhile, and blocks have a price of their own.
    for (const sizeBytes of [bfree * bsize - leaveBytes, bfree * bsize * 0.95 - leaveBytes]) {
      if (sizeBytes <= 0) return;
      const args = ["-l", String(Math.floor(sizeBytes)), this.#ballast];
      const { exitCode } = await runChild({ file: "/usr/bin/fallocate", args });
      if (exitCode === 0) return;
    }
  }
}

/** Ends early when it is aborted. */
export function pause(forMs: number, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (until.aborted) {
      resolve();
      return;
    }
    const settle = (): void => {
      clearTimeout(timer);
      until.removeEventListener("abort", settle);
      resolve();
    };
    const timer = setTimeout(settle, forMs);
    until.addEventListener("abort", settle);
  });
}
