/** Why a kernel source was taken for what it says it is. */
export type SourceTrust =
  /** One of the kernel.org release keys has signed it; the fingerprint is of the primary key. */
  | { readonly kind: "signature"; readonly holder: string; readonly fingerprint: string }
  /** It has the SHA-256 that a person named; nobody's signature was looked at. */
  | { readonly kind: "hash" };
