import { isFingerprint, type Fingerprint } from "./fingerprint.ts";

/** Why a signature does not count. */
export type SignatureRefusal =
  | "several-signatures"
  | "no-signature"
  | "not-detached"
  | "bad-signature"
  | "revoked-key"
  | "expired-key"
  | "expired-signature"
  | "unknown-key"
  | "text-signature"
  | "weak-hash"
  | "unclear";

/** What is to be thought of a signature. */
export type SignatureVerdict =
  | {
      readonly accepted: true;
      /** Of the primary key, also when one of its subkeys signed. */
      readonly fingerprint: Fingerprint;
      /** Seconds since 1970. */
      readonly signedAt: number;
    }
  | { readonly accepted: false; readonly reason: SignatureRefusal };

interface StatusLine {
  readonly keyword: string;
  readonly fields: readonly string[];
}

const prefix = "[GNUPG:] ";

/** Keywords that refuse a signature, the most telling first. */
const refusing: readonly (readonly [SignatureRefusal, readonly string[]])[] = [
  ["bad-signature", ["BADSIG"]],
  ["revoked-key", ["REVKEYSIG", "KEYREVOKED"]],
  // gpgv says KEYEXPIRED of the key that signed, a subkey as well as a primary.
  ["expired-key", ["EXPKEYSIG", "KEYEXPIRED"]],
  ["expired-signature", ["EXPSIG", "SIGEXPIRED"]],
  ["unknown-key", ["NO_PUBKEY"]],
  ["no-signature", ["NODATA"]],
  ["unclear", ["ERRSIG", "FAILURE", "ERROR"]],
];

/** Keywords that may stand beside a good signature; all others, known or not, refuse it. */
const harmless: ReadonlySet<string> = new Set([
  "NEWSIG",
  "KEY_CONSIDERED",
  "SIG_ID",
  "GOODSIG",
  "VALIDSIG",
  "NOTATION_NAME",
  "NOTATION_FLAGS",
  "NOTATION_DATA",
  "POLICY_URL",
  "VERIFICATION_COMPLIANCE_MODE",
]);

/** SHA-256, SHA-384 and SHA-512. @see RFC 4880, section 9.4 */
const strongHashes: ReadonlySet<string> = new Set(["8", "9", "10"]);

/**
 * Decides from what gpgv says on its status descriptor, never from its exit code: it is 0 for
 * expired and revoked keys too, which also get a VALIDSIG.
 *
 * @param status all that gpgv wrote.
 * @param allowed the primary keys that may sign.
 * @see https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Format of the --status-fd output"
 */
export function judgeSignature(
  status: string,
  allowed: ReadonlySet<Fingerprint>,
): SignatureVerdict {
  const lines = statusLines(status);
  if (lines === undefined) return refuse("unclear");
  const count = (keyword: string): number =>
    lines.filter((line) => line.keyword === keyword).length;
  if (Math.max(count("NEWSIG"), count("VALIDSIG"), count("GOODSIG")) > 1) {
    return refuse("several-signatures");
  }
  for (const [reason, keywords] of refusing) {
    if (keywords.some((keyword) => count(keyword) > 0)) return refuse(reason);
  }
  if (lines.some(({ keyword }) => !harmless.has(keyword))) return refuse("unclear");
  const valid = lines.find(({ keyword }) => keyword === "VALIDSIG");
  if (valid === undefined || count("NEWSIG") !== 1 || count("GOODSIG") !== 1) {
    return refuse("no-signature");
  }
  return judgeValid(valid.fields, allowed);
}

/** @param fields of VALIDSIG: fingerprint, date, time, expiry, version, -, key, hash, class, primary */
function judgeValid(
  fields: readonly string[],
  allowed: ReadonlySet<Fingerprint>,
): SignatureVerdict {
  const [signer, , time, , , , , hash, signatureClass, primary, ...rest] = fields;
  if (
    signer === undefined ||
    time === undefined ||
    hash === undefined ||
    primary === undefined ||
    rest.length > 0 ||
    !isFingerprint(signer) ||
    !isFingerprint(primary) ||
    !/^\d{1,12}$/.test(time)
  ) {
    return refuse("unclear");
  }
  if (!allowed.has(primary)) return refuse("unknown-key");
  // 01 is over the text with its line ends changed: other bytes would have the same signature.
  if (signatureClass !== "00") return refuse("text-signature");
  if (!strongHashes.has(hash)) return refuse("weak-hash");
  return { accepted: true, fingerprint: primary, signedAt: Number(time) };
}

function refuse(reason: SignatureRefusal): SignatureVerdict {
  return { accepted: false, reason };
}

/** @returns undefined when there is anything but whole status lines. */
function statusLines(status: string): StatusLine[] | undefined {
  const lines = status.split("\n");
  if (lines.pop() !== "") return undefined;
  const parsed: StatusLine[] = [];
  for (const line of lines) {
    if (!line.startsWith(prefix)) return undefined;
    const [keyword = "", ...fields] = line.slice(prefix.length).split(" ");
    parsed.push({ keyword, fields });
  }
  return parsed;
}
