import path from "node:path";
import type { Key } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { type Ed25519Signer, readPrivateKey, readPublicKey } from "../../io/ed25519.ts";
import type { Variables } from "../../io/environment.ts";
import { readText, realPath } from "../../io/files.ts";
import { roleKey } from "../../trust/role-key.ts";

/** A private key, and as what metadata knows it. */
export interface SigningKey {
  readonly key: Key;
  readonly signer: Ed25519Signer;
}

/** Where keys come from. */
export interface KeySource {
  readonly variables: Variables;
  /** Whose files people commit: no private key may lie in there. */
  readonly checkout: string;
}

/** The passphrase of an encrypted key. */
export const passphraseVariable = "BANGER_KEY_PASSPHRASE";
const maxKeyBytes = 65_536;

/**
 * Reads a private key.
 *
 * @param place a file, or `env:NAME` for a variable that holds the PEM itself.
 * @throws {BangerError} `failed`, when there is none or it is of no use; `refused`, when it lies in the
 * checkout; `io`, `bad-state`.
 */
export function readSigningKey({ variables, checkout }: KeySource, place: string): SigningKey {
  const { text, label } = secretAt({ variables, checkout }, place);
  const passphrase = variables[passphraseVariable];
  const signer = readPrivateKey(text, label, passphrase === "" ? undefined : passphrase);
  return { signer, key: roleKey(signer.publicHex) };
}

/** The text of a secret, by a file or `env:NAME`, and how messages call it. @throws as {@link readSigningKey} */
export function secretAt(
  { variables, checkout }: KeySource,
  place: string,
): { readonly text: string; readonly label: string } {
  const variable = /^env:(.*)$/s.exec(place)?.[1];
  if (variable !== undefined) {
    const text = variables[variable] ?? "";
    if (text !== "") return { text, label: `the key in ${variable}` };
    throw new BangerError("failed", `there is no key in the environment variable ${variable}`);
  }
  const text = readText(place, maxKeyBytes);
  if (text === undefined) throw new BangerError("failed", `there is no key ${place}`);
  const inside = path.relative(realPath(checkout), realPath(place));
  if (!inside.startsWith("..") && !path.isAbsolute(inside)) {
    throw new BangerError("refused", `${place} lies in the checkout, where it could be committed`, {
      hint: "keep private keys elsewhere; if it was ever committed, replace it: docs/key-ceremony.md",
    });
  }
  return { text, label: place };
}

/** Reads a public key from a file. @throws {BangerError} `failed`, `io`, `bad-state` */
export function readRoleKey(file: string): Key {
  const pem = readText(file, maxKeyBytes);
  if (pem === undefined) throw new BangerError("failed", `there is no key ${file}`);
  return roleKey(readPublicKey(pem, file));
}
