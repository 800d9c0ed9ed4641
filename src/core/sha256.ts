declare const brand: unique symbol;

/** A SHA-256 digest as 64 lower-case hexadecimal digits. */
export type Sha256 = string & { readonly [brand]: "Sha256" };

const pattern = /^[0-9a-f]{64}$/;

/** Narrows `text` to a digest: exactly 64 lower-case hexadecimal digits. */
export function isSha256(text: string): text is Sha256 {
  return pattern.test(text);
}

/** The first 12 digits, as file names and tables show them. */
export function shortDigest(digest: Sha256): string {
  return digest.slice(0, 12);
}
