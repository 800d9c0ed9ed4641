/** What gpg says of a public key. */
export interface KeyFacts {
  /** Of the primary key. */
  readonly fingerprint: string;
  readonly isRevoked: boolean;
  readonly isExpired: boolean;
  /** Whether the primary key or a subkey can sign today. */
  readonly canSign: boolean;
  /** Seconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
}

/**
 * Reads what `gpg --with-colons --show-keys` prints, one element a primary key.
 *
 * @returns undefined when it is anything else.
 * @see https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Format of the colon listings"
 */
export function parseKeyListing(listing: string): readonly KeyFacts[] | undefined {
  const keys: KeyFacts[] = [];
  let primary: readonly string[] | undefined;
  for (const line of listing.split("\n")) {
    const fields = line.split(":");
    if (fields[0] === "sec") return undefined;
    if (fields[0] === "pub") {
      if (primary !== undefined) return undefined;
      primary = fields;
    } else if (fields[0] === "fpr" && primary !== undefined) {
      const facts = factsOf(primary, fields[9] ?? "");
      if (facts === undefined) return undefined;
      keys.push(facts);
      primary = undefined;
    }
  }
  return primary === undefined ? keys : undefined;
}

/** @param fields of `pub`: type, validity, length, …, expiry as the 7th, capabilities as the 12th */
function factsOf(fields: readonly string[], fingerprint: string): KeyFacts | undefined {
  const [, validity = "", , , , , expiry = "", , , , , capabilities = ""] = fields;
  if (!/^[0-9A-F]{40}$/.test(fingerprint) || !/^\d{0,12}$/.test(expiry)) return undefined;
  return {
    fingerprint,
    isRevoked: validity === "r",
    isExpired: validity === "e",
    // Upper case: of the key with its subkeys, those left out that cannot be used.
    canSign: capabilities.includes("S"),
    expiresAt: expiry === "" ? undefined : Number(expiry),
  };
}
