import type { ByteSink } from "./http.ts";
import type { PartOrigin } from "./part-file.ts";

/** Takes a small download into memory. */
export class MemorySink implements ByteSink {
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What it has is never continued. */
  get origin(): undefined {
    return undefined;
  }

  setOrigin(_origin: PartOrigin | undefined): void {
    // see origin
  }

  append(chunk: Uint8Array): void {
    this.#chunks.push(chunk.slice());
    this.#sizeBytes += chunk.length;
  }

  restart(): void {
    this.#chunks = [];
    this.#sizeBytes = 0;
  }

  /** A copy of all that came. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}
