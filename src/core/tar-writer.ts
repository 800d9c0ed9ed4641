import { tarBlockBytes, type TarEntry, quoted, unsafe, ustarMaxSizeBytes } from "./tar-header.ts";

/**
 * The header of an entry: one ustar block, after a pax header where the name, the link target or the
 * size does not fit. Depends on the entry alone: mode 0644 (directories 0755, links 0777), owner 0:0
 * without names, time 0. After a file's header come its content, then `tarPadding`.
 *
 * The names are written as they are; it is for `BundleTree` to judge them.
 *
 * @throws {BangerError} `unsafe-archive` for an empty name or target, or one with characters that are
 * not printable ASCII
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "ustar Interchange Format"
 */
export function tarHeader(entry: TarEntry): Uint8Array {
  const path = checked(entry.path) + (entry.kind === "directory" ? "/" : "");
  const target = entry.kind === "symlink" ? checked(entry.target) : "";
  const sizeBytes = entry.kind === "file" ? entry.sizeBytes : 0;
  const split = splitName(path);
  const records =
    (split === undefined ? paxRecord("path", path) : "") +
    (target.length > 100 ? paxRecord("linkpath", target) : "") +
    (sizeBytes > ustarMaxSizeBytes ? paxRecord("size", sizeBytes.toString()) : "");
  const header = ustarBlock({
    prefix: split?.prefix ?? "",
    name: split?.name ?? path.slice(0, 100),
    target: target.slice(0, 100),
    sizeBytes: sizeBytes > ustarMaxSizeBytes ? 0 : sizeBytes,
    ...shapes[entry.kind],
  });
  return records === "" ? header : joined([...paxParts(records), header]);
}

/**
 * The zero bytes that follow a file's content of this size: none to 511.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "ustar Interchange Format"
 */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes);
}

/**
 * The two zero blocks that end an archive.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "ustar Interchange Format"
 */
export function endOfArchive(): Uint8Array {
  return new Uint8Array(2 * tarBlockBytes);
}

const shapes = {
  file: { flag: "0", mode: 0o644 },
  directory: { flag: "5", mode: 0o755 },
  symlink: { flag: "2", mode: 0o777 },
} as const;

interface UstarFields {
  readonly prefix: string;
  readonly name: string;
  readonly target: string;
  readonly sizeBytes: number;
  readonly flag: string;
  readonly mode: number;
}

function ustarBlock(fields: UstarFields): Uint8Array {
  const block = new Uint8Array(tarBlockBytes);
  put(block, 0, fields.name);
  put(block, 100, octal(fields.mode, 8));
  put(block, 108, octal(0, 8));
  put(block, 116, octal(0, 8));
  put(block, 124, octal(fields.sizeBytes, 12));
  put(block, 136, octal(0, 12));
  put(block, 148, "        ");
  put(block, 156, fields.flag);
  put(block, 157, fields.target);
  put(block, 257, "ustar\x0000");
  put(block, 329, octal(0, 8));
  put(block, 337, octal(0, 8));
  put(block, 345, fields.prefix);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, 148, `${octal(sum, 7)} `);
  return block;
}

/** Digits that fill the field but for its NUL. */
function octal(value: number, fieldBytes: number): string {
  return `${value.toString(8).padStart(fieldBytes - 1, "0")}\x00`;
}

function put(block: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < text.length; index += 1) {
    block[offset + index] = text.charCodeAt(index);
  }
}

/** The name in two fields that a slash joins, or undefined if no slash of it makes both fit. */
function splitName(path: string): { readonly prefix: string; readonly name: string } | undefined {
  if (path.length <= 100) return { prefix: "", name: path };
  const slash = path.indexOf("/", path.length - 101);
  if (slash < 1 || slash > 155 || slash === path.length - 1) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** A record says its own length, digits included. */
function paxRecord(key: string, value: string): string {
  const bareBytes = ` ${key}=${value}\n`.length;
  let lengthBytes = bareBytes;
  while (lengthBytes !== bareBytes + lengthBytes.toString().length) {
    lengthBytes = bareBytes + lengthBytes.toString().length;
  }
  return `${lengthBytes} ${key}=${value}\n`;
}

function paxParts(records: string): readonly Uint8Array[] {
  const body = new Uint8Array(records.length);
  put(body, 0, records);
  const header = ustarBlock({
    prefix: "",
    name: "PaxHeader",
    target: "",
    sizeBytes: body.length,
    flag: "x",
    mode: 0o644,
  });
  return [header, body, tarPadding(body.length)];
}

function checked(text: string): string {
  if (/^[\x20-\x7e]+$/.test(text)) return text;
  throw unsafe(`name to archive is ${quoted(text)}, expected printable ASCII`);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
