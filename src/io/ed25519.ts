import type { KeyObject } from "node:crypto";
import { BangerError } from "../core/errors.ts";

/** A private key that signs. The key itself is never handed out. */
export interface Ed25519Signer {
  /** The public half: 64 hexadecimal digits. */
  readonly publicHex: string;
  /** @returns the signature: 128 hexadecimal digits. */
  readonly sign: (bytes: Uint8Array) => string;
}

/**
 * Reads a public key.
 *
 * @param pem as `openssl pkey -pubout` writes it.
 * @param label as messages call it; nothing of the text is ever in a message.
 * @returns 64 hexadecimal digits.
 * @throws {BangerError} `failed`
 * @see https://www.rfc-editor.org/rfc/rfc8410
 */
export function readPublicKey(pem: string, label: string): string {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new BangerError("failed", `${label} is a private key, its public half is wanted`, {
      hint: "to get the public half: openssl pkey -in PRIVATE -pubout -out PUBLIC",
    });
  }
  let key: KeyObject;
  try {
    key = crypto().createPublicKey(pem);
  } catch (cause) {
    throw noKey(label, "public", cause);
  }
  return publicHexOf(key, label);
}

/**
 * Reads a private key.
 *
 * @param pem PKCS#8, as `openssl genpkey -algorithm ed25519` writes it, also encrypted.
 * @param label as messages call it; nothing of the text is ever in a message.
 * @param passphrase of an encrypted one.
 * @throws {BangerError} `failed`
 * @see https://www.rfc-editor.org/rfc/rfc8410
 */
export function readPrivateKey(
  pem: string,
  label: string,
  passphrase: string | undefined,
): Ed25519Signer {
  const { createPrivateKey, createPublicKey, sign } = crypto();
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----/.test(pem) && passphrase === undefined) {
    throw new BangerError("failed", `${label} is encrypted, and there is no passphrase`, {
      hint: "the passphrase is taken from BANGER_KEY_PASSPHRASE: read -rs BANGER_KEY_PASSPHRASE && export BANGER_KEY_PASSPHRASE",
    });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({
      key: pem,
      format: "pem",
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    if (pem.includes("ENCRYPTED")) {
      throw new BangerError("failed", `${label} cannot be decrypted`, {
        hint: "BANGER_KEY_PASSPHRASE is not its passphrase",
        cause,
      });
    }
    throw noKey(label, "private", cause);
  }
  const publicHex = publicHexOf(createPublicKey(key), label);
  return { publicHex, sign: (bytes) => sign(null, bytes, key).toString("hex") };
}

function publicHexOf(key: KeyObject, label: string): string {
  const type = key.asymmetricKeyType ?? "unknown";
  if (type !== "ed25519") {
    throw new BangerError("failed", `${label} is a key of type ${type}, ed25519 is wanted`, {
      hint: "to make one: openssl genpkey -algorithm ed25519 -out FILE",
    });
  }
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");
}

function noKey(label: string, half: "public" | "private", cause: unknown): BangerError {
  return new BangerError("failed", `${label} is no ${half} key in PEM`, {
    hint: "to make one: openssl genpkey -algorithm ed25519 -out FILE\nits public half: openssl pkey -in FILE -pubout -out FILE.pub",
    cause,
  });
}

/** Loaded with the first key, since it takes milliseconds. */
function crypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}
