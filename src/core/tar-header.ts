import { BangerError } from "./errors.ts";

/** Size of a tar block: headers are one block, contents are padded to whole blocks. */
export const tarBlockBytes = 512;

/** The largest size that the 11 octal digits of a ustar header can tell: 8 GiB less one byte. */
export const ustarMaxSizeBytes = 0o77777777777;

/**
 * An entry of a bundle, after its pax header was applied. Names have no trailing slash.
 *
 * Modes, owners and times are not here because nothing may depend on them.
 */
export type TarEntry =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string };

/** The header of an entry, unjudged: the names may still be hostile. */
export interface TarEntryHeader {
  readonly kind: TarEntry["kind"];
  /** Prefix and name joined; one character for each byte. */
  readonly name: string;
  /** Empty unless the kind is `symlink`. */
  readonly linkName: string;
  /** Bytes of content that follow, without padding; 0 for directories and symlinks. */
  readonly sizeBytes: number;
}

/** What one header block says: `pax` announces that many bytes of records about the next entry. */
export type TarHeader = TarEntryHeader | { readonly kind: "pax"; readonly sizeBytes: number };

const refusedKinds: ReadonlyMap<string, string> = new Map([
  ["1", "a hard link"],
  ["3", "a character device"],
  ["4", "a block device"],
  ["6", "a FIFO"],
  ["7", "a contiguous file"],
  ["g", "a global pax header"],
  ["D", "a GNU incremental directory"],
  ["K", "a GNU long link name"],
  ["L", "a GNU long name"],
  ["M", "a GNU multi-volume continuation"],
  ["N", "an old GNU long name"],
  ["S", "a GNU sparse file"],
  ["V", "a GNU volume label"],
  ["X", "a Solaris extended header"],
]);

/**
 * Reads one header block of the subset that banger accepts: POSIX ustar, or GNU's without its
 * extensions, of type file, directory, symlink or pax. Mode, owner, times and device numbers are not
 * looked at.
 *
 * @param block exactly 512 bytes
 * @throws {BangerError} `unsafe-archive` for any other format or kind, a wrong checksum, a number
 * that is not terminated octal, a size or link name where none belongs, or bytes hidden after a NUL
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "ustar Interchange Format"
 * @see https://www.gnu.org/software/tar/manual/html_node/Standard.html "Basic Tar Format"
 */
export function parseTarHeader(block: Uint8Array): TarHeader {
  const format = magicFormat(block);
  checkChecksum(block);
  const name = fullName(block, format);
  const kind = entryKind(block, name);
  const sizeBytes = octal(block.subarray(124, 136), "size");
  // Not used; what tar itself would not read is refused.
  octal(block.subarray(136, 148), "mtime");
  if (kind === "pax") return { kind, sizeBytes };
  const linkName = terminated(block.subarray(157, 257), "link name");
  if (sizeBytes > 0 && kind !== "file") {
    throw unsafe(`${quoted(name)} is a ${kind} with a size of ${sizeBytes} bytes, expected 0`);
  }
  if (linkName !== "" && kind !== "symlink") {
    throw unsafe(`${quoted(name)} is a ${kind} with the link target ${quoted(linkName)}`);
  }
  return { kind, name, linkName, sizeBytes };
}

/** Whether every byte is zero: true for a block of the end-of-archive marker and for clean padding. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** One character for each byte, so that nothing is lost before the name policy has seen it. */
export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The text in quotes for an error message: printable ASCII only, cut after 120 characters. */
export function quoted(text: string): string {
  const cut = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  const shown = cut.replaceAll(/[^\x20-\x7e…]|["\\]/g, (character) =>
    character === '"' || character === "\\"
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${shown}"`;
}

/** The error of everything that parses archives: code `unsafe-archive`. */
export function unsafe(message: string): BangerError {
  return new BangerError("unsafe-archive", message);
}

function magicFormat(block: Uint8Array): "posix" | "gnu" {
  const magic = byteText(block.subarray(257, 265));
  if (magic === "ustar\x0000") return "posix";
  if (magic === "ustar  \x00") return "gnu";
  throw unsafe(`magic is ${quoted(magic)}, expected that of ustar`);
}

function checkChecksum(block: Uint8Array): void {
  const told = octal(block.subarray(148, 156), "checksum");
  let sum = 8 * 0x20;
  for (const byte of block.subarray(0, 148)) sum += byte;
  for (const byte of block.subarray(156)) sum += byte;
  if (sum !== told) throw unsafe(`header checksum is ${told}, expected ${sum}`);
}

function fullName(block: Uint8Array, format: "posix" | "gnu"): string {
  const name = terminated(block.subarray(0, 100), "name");
  if (format === "gnu") {
    if (!isZero(block.subarray(345))) throw unsafe(`${quoted(name)} uses a GNU header extension`);
    return name;
  }
  if (!isZero(block.subarray(500))) throw unsafe(`${quoted(name)} has bytes after its header`);
  const prefix = terminated(block.subarray(345, 500), "name prefix");
  return prefix === "" ? name : `${prefix}/${name}`;
}

function entryKind(block: Uint8Array, name: string): TarHeader["kind"] {
  const flag = byteText(block.subarray(156, 157));
  switch (flag) {
    case "\x00":
    case "0":
      return "file";
    case "5":
      return "directory";
    case "2":
      return "symlink";
    case "x":
      return "pax";
    default:
      throw unsafe(
        `${quoted(name)} is ${refusedKinds.get(flag) ?? `of unknown type ${quoted(flag)}`}, ` +
          "expected a file, directory or symlink",
      );
  }
}

function terminated(field: Uint8Array, what: string): string {
  const nul = field.indexOf(0);
  if (nul === -1) return byteText(field);
  // Some unpackers read on after the NUL: a second name could hide there.
  if (!isZero(field.subarray(nul))) {
    throw unsafe(`${what} ${quoted(byteText(field.subarray(0, nul)))} has bytes after its NUL`);
  }
  return byteText(field.subarray(0, nul));
}

function octal(field: Uint8Array, what: string): number {
  const text = byteText(field);
  const digits = /^([0-7]+)[ \x00]+$/.exec(text)?.[1];
  if (digits !== undefined) return Number.parseInt(digits, 8);
  const found = text.charCodeAt(0) >= 0x80 ? "in base 256" : quoted(text);
  throw unsafe(`${what} is ${found}, expected octal digits and a terminator`);
}
