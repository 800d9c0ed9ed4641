declare const brand: unique symbol;

/** The fingerprint of an OpenPGP key of version 4: 40 upper-case hexadecimal digits. */
export type Fingerprint = string & { readonly [brand]: "Fingerprint" };

/** Narrows `text` to a fingerprint: exactly 40 upper-case hexadecimal digits. */
export function isFingerprint(text: string): text is Fingerprint {
  return /^[0-9A-F]{40}$/.test(text);
}
