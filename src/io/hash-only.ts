import type { Sha256 } from "../core/sha256.ts";
import { Sha256Hash } from "./hash.ts";
import type { ByteSink } from "./http.ts";
import type { PartOrigin } from "./part-file.ts";

/** Takes a download for its hash alone: the bytes are kept nowhere, in memory neither. */
export class HashOnly implements ByteSink {
  #hash = new Sha256Hash();
  #sizeBytes = 0;
  #origin: PartOrigin | undefined;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get origin(): PartOrigin | undefined {
    return this.#sizeBytes === 0 ? undefined : this.#origin;
  }

  setOrigin(origin: PartOrigin | undefined): void {
    this.#origin = origin;
  }

  append(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
  }

  restart(): void {
    this.#hash = new Sha256Hash();
    this.#sizeBytes = 0;
    this.#origin = undefined;
  }

  /** The SHA-256 of the bytes so far. */
  digest(): Sha256 {
    return this.#hash.digest();
  }
}
