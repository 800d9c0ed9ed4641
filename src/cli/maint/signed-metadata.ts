import { passphraseVariable } from "../../ops/trust/signing-key.ts";
import { isComplete, missingSignatures, type SignedMetadata } from "../../ops/trust/signatures.ts";

/** What people are told of keys. */
export const keyHelp: string = `A key is an Ed25519 key in PEM, as openssl genpkey -algorithm ed25519 writes it.

Environment:
  ${passphraseVariable}   the passphrase of an encrypted key`;

const outcomeWords = {
  signed: "signed",
  already: "was signed by this key already",
  complete: "needs no more signatures",
} as const satisfies Record<SignedMetadata["outcome"], string>;

/** What became of metadata, on one line. */
export function signedLine({ file, outcome, needs, expires }: SignedMetadata): string {
  const missing = Math.max(...needs.map(missingSignatures));
  const rest = missing === 0 ? "complete" : `${missing} more needed`;
  const end = outcome === "complete" ? "" : `; ${rest}`;
  return `${file}: ${outcomeWords[outcome]}${end}, good until ${expires}`;
}

/** The same as a document. */
export function signedDocument(signed: SignedMetadata): object {
  const { role, file, version, expires, outcome, key, needs } = signed;
  const missing = Math.max(...needs.map(missingSignatures));
  return { role, file, version, expires, outcome, key, complete: isComplete(needs), missing };
}
