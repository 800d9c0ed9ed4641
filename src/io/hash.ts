import type { Hash } from "node:crypto";
import { isSha256, type Sha256 } from "../core/sha256.ts";

/**
 * A SHA-256 in the making.
 *
 * The platform's crypto module takes milliseconds to load, so it is loaded with the first hash and
 * not with the program.
 */
export class Sha256Hash {
  readonly #hash: Hash;

  constructor(hash: Hash = process.getBuiltinModule("node:crypto").createHash("sha256")) {
    this.#hash = hash;
  }

  update(bytes: Uint8Array | string): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The digest of all bytes so far; more may follow. */
  digest(): Sha256 {
    const digest = this.#hash.copy().digest("hex");
    if (!isSha256(digest)) throw new Error("a SHA-256 is 64 digits");
    return digest;
  }
}

/** The SHA-256 of a text or of bytes. */
export function sha256Of(content: Uint8Array | string): Sha256 {
  return new Sha256Hash().update(content).digest();
}
