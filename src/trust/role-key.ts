import { Key, Signature } from "@tufjs/models";
import type { Ed25519Signer } from "../io/ed25519.ts";
import { sha256Of } from "../io/hash.ts";

/**
 * An Ed25519 key as metadata has it. Its id is the SHA-256 of its canonical JSON.
 *
 * @param publicHex 64 hexadecimal digits.
 * @see https://theupdateframework.github.io/specification/latest/#file-formats-keys
 */
export function roleKey(publicHex: string): Key {
  const [keyType, scheme] = ["ed25519", "ed25519"];
  const canonical = `{"keytype":"${keyType}","keyval":{"public":"${publicHex}"},"scheme":"${scheme}"}`;
  const keyID = sha256Of(canonical);
  return new Key({ keyID, keyType, scheme, keyVal: { public: publicHex } });
}

/** What `Metadata.sign` takes to sign with a key under an id. */
export function signatureBy(keyID: string, signer: Ed25519Signer): (bytes: Buffer) => Signature {
  return (bytes) => new Signature({ keyID, sig: signer.sign(bytes) });
}
