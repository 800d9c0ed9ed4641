import { byteText, quoted, type TarEntryHeader, unsafe, ustarMaxSizeBytes } from "./tar-header.ts";

/** The largest pax header that is read: four records, two of them names of up to 4 KiB, fit easily. */
export const paxMaxBytes = 65_536;

/** What a pax header says about the entry that follows it. */
export interface PaxRecords {
  readonly path: string | undefined;
  readonly linkPath: string | undefined;
  readonly sizeBytes: number | undefined;
}

/**
 * Judges the size of a pax header before any of it is held in memory.
 *
 * @throws {BangerError} `unsafe-archive` for an empty header and for one over 64 KiB
 */
export function checkPaxSize(sizeBytes: number): void {
  if (sizeBytes === 0) throw unsafe("pax header is empty, expected records");
  if (sizeBytes > paxMaxBytes) {
    throw unsafe(`pax header is ${sizeBytes} bytes, expected at most ${paxMaxBytes}`);
  }
}

/**
 * Reads the content of a pax header. The keys `path`, `linkpath`, `size` and `mtime` are known;
 * `mtime` is checked and dropped.
 *
 * @param body the content without its padding
 * @throws {BangerError} `unsafe-archive` for another or a repeated key, a wrong record length, a
 * record without its newline, an empty value, a NUL, a size that is not a decimal safe integer
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "pax Extended Header"
 */
export function parsePaxRecords(body: Uint8Array): PaxRecords {
  checkPaxSize(body.length);
  const values = new Map<string, string>();
  let rest = byteText(body);
  while (rest !== "") {
    const record = firstRecord(rest);
    if (values.has(record.key)) throw unsafe(`pax key ${quoted(record.key)} comes twice`);
    values.set(record.key, checkedValue(record.key, record.value));
    rest = rest.slice(record.lengthBytes);
  }
  const size = values.get("size");
  return {
    path: values.get("path"),
    linkPath: values.get("linkpath"),
    sizeBytes: size === undefined ? undefined : Number(size),
  };
}

/**
 * The header as its pax header changes it.
 *
 * A size is only taken where ustar cannot tell it, that is from 8 GiB on: at any other place, unpackers
 * that know pax and those that do not would see different entries in the same archive.
 *
 * @throws {BangerError} `unsafe-archive` if a record contradicts the header
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "pax Extended Header"
 */
export function applyPax(header: TarEntryHeader, pax: PaxRecords): TarEntryHeader {
  const name = pax.path ?? header.name;
  if (pax.linkPath !== undefined && header.kind !== "symlink") {
    throw unsafe(`${quoted(name)} is a ${header.kind} with the pax link ${quoted(pax.linkPath)}`);
  }
  return {
    kind: header.kind,
    name,
    linkName: pax.linkPath ?? header.linkName,
    sizeBytes: agreedSize(header, pax, name),
  };
}

function agreedSize(header: TarEntryHeader, pax: PaxRecords, name: string): number {
  const { sizeBytes } = pax;
  if (sizeBytes === undefined || sizeBytes === header.sizeBytes) return header.sizeBytes;
  const headerGaveUp = header.sizeBytes === 0 || header.sizeBytes === ustarMaxSizeBytes;
  if (header.kind === "file" && headerGaveUp && sizeBytes > ustarMaxSizeBytes) return sizeBytes;
  throw unsafe(
    `${quoted(name)} is a ${header.kind} of ${header.sizeBytes} bytes by its header ` +
      `and of ${sizeBytes} bytes by its pax header`,
  );
}

interface Record {
  readonly key: string;
  readonly value: string;
  readonly lengthBytes: number;
}

function firstRecord(text: string): Record {
  const digits = /^([1-9][0-9]{0,5}) /.exec(text.slice(0, 7))?.[1];
  if (digits === undefined) {
    throw unsafe(`pax record starts with ${quoted(text.slice(0, 7))}, expected its length`);
  }
  const lengthBytes = Number(digits);
  if (lengthBytes > text.length) {
    throw unsafe(`pax record is ${lengthBytes} bytes, but only ${text.length} are left`);
  }
  if (lengthBytes <= digits.length + 1 || text.charAt(lengthBytes - 1) !== "\n") {
    throw unsafe(`pax record of ${lengthBytes} bytes does not end in a newline`);
  }
  const record = text.slice(digits.length + 1, lengthBytes - 1);
  const equals = record.indexOf("=");
  if (equals < 1) throw unsafe(`pax record ${quoted(record)} has no key`);
  return { key: record.slice(0, equals), value: record.slice(equals + 1), lengthBytes };
}

function checkedValue(key: string, value: string): string {
  switch (key) {
    case "path":
    case "linkpath":
      // An empty value would bring back the header's name: two readings of one archive.
      if (value === "" || value.includes("\x00")) {
        throw unsafe(`pax ${key} is ${quoted(value)}, expected a name`);
      }
      return value;
    case "size":
      if (!/^(0|[1-9][0-9]{0,15})$/.test(value) || !Number.isSafeInteger(Number(value))) {
        throw unsafe(`pax size is ${quoted(value)}, expected decimal digits below 2^53`);
      }
      return value;
    case "mtime":
      if (!/^-?[0-9]{1,18}(\.[0-9]+)?$/.test(value)) {
        throw unsafe(`pax mtime is ${quoted(value)}, expected seconds`);
      }
      return value;
    default:
      throw unsafe(`pax key is ${quoted(key)}, expected path, linkpath, size or mtime`);
  }
}
