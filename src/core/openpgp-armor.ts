/** What an armored text says that it is. */
export type ArmorLabel = "PGP PUBLIC KEY BLOCK" | "PGP SIGNATURE";

const dashes = "-----";
const base64Line = /^[A-Za-z0-9+/]{1,76}={0,2}$/;
const headerLine = /^[A-Za-z0-9-]+: .*$/;

/**
 * The bytes within an armored text, which must be one block of this label and nothing else: what
 * stands before, after or in a second block would be read by nobody.
 *
 * @returns undefined when it is anything else, or its checksum is missing or wrong.
 * @see RFC 4880, section 6
 */
export function decodeArmor(text: string, label: ArmorLabel): Uint8Array | undefined {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.trimEnd());
  if (lines.shift() !== `${dashes}BEGIN ${label}${dashes}`) return undefined;
  if (lines.pop() !== `${dashes}END ${label}${dashes}`) return undefined;
  while (headerLine.test(lines[0] ?? "")) lines.shift();
  if (lines.shift() !== "") return undefined;
  const checksum = /^=([A-Za-z0-9+/]{4})$/.exec(lines.pop() ?? "")?.[1];
  if (checksum === undefined || !lines.every((line) => base64Line.test(line))) return undefined;
  const bytes = decodeBase64(lines.join(""));
  const sum = decodeBase64(checksum);
  if (bytes === undefined || sum === undefined || bytes.length === 0) return undefined;
  const expected = sum.reduce((total, byte) => total * 256 + byte, 0);
  return crc24(bytes) === expected ? bytes : undefined;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

/** @see RFC 4880, section 6.1 */
function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}
