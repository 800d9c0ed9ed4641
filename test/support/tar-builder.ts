/**
 * Builds tar archives block by block, also malformed ones. Knows nothing of src/core, so that a mistake
 * there cannot hide here.
 *
 * @example
 * concat(tarFile("vmlinux", "kernel"), tarDirectory("modules"), tarEnd());
 * concat(tarFile("vmlinux", "x", { type: "1", linkName: "initrd.img" }), tarEnd()); // a hard link
 */

/**
 * The raw fields of a ustar header. Text and bytes go in as they are (a code point for each byte), padded
 * with NULs; a number is written in octal over the whole field, with a NUL at its end.
 */
export interface TarFields {
  readonly name?: string | Uint8Array;
  readonly mode?: number | string;
  readonly uid?: number | string;
  readonly gid?: number | string;
  readonly size?: number | string;
  readonly mtime?: number | string;
  /** Left out: the right sum of the other fields. */
  readonly checksum?: number | string;
  readonly type?: string;
  readonly linkName?: string | Uint8Array;
  readonly magic?: string;
  readonly version?: string;
  readonly uname?: string;
  readonly gname?: string;
  readonly devMajor?: number | string;
  readonly devMinor?: number | string;
  readonly prefix?: string | Uint8Array;
  /** The last 12 bytes of the block, which ustar leaves empty. */
  readonly tail?: string | Uint8Array;
}

/** The magic and version that GNU tar writes by default. */
export const gnuMagic: TarFields = { magic: "ustar ", version: " \0" };

const layout = [
  ["name", 0, 100],
  ["mode", 100, 8],
  ["uid", 108, 8],
  ["gid", 116, 8],
  ["size", 124, 12],
  ["mtime", 136, 12],
  ["type", 156, 1],
  ["linkName", 157, 100],
  ["magic", 257, 6],
  ["version", 263, 2],
  ["uname", 265, 32],
  ["gname", 297, 32],
  ["devMajor", 329, 8],
  ["devMinor", 337, 8],
  ["prefix", 345, 155],
  ["tail", 500, 12],
] as const;

const defaults: TarFields = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  type: "0",
  magic: "ustar\0",
  version: "00",
  devMajor: 0,
  devMinor: 0,
};

/** One header block, exactly as told. Throws if a field does not fit. */
export function tarRaw(fields: TarFields = {}): Uint8Array {
  const all = { ...defaults, ...fields };
  const block = new Uint8Array(512);
  for (const [key, offset, length] of layout) block.set(fieldBytes(all[key], length), offset);
  return all.checksum === undefined
    ? withChecksum(block)
    : withField(block, 148, fieldBytes(all.checksum, 8));
}

/** A copy of a header block with the checksum that its other bytes have: repairs a mutated header. */
export function withChecksum(block: Uint8Array): Uint8Array {
  const spaced = withField(block, 148, bytes("        "));
  const sum = spaced.reduce((total, byte) => total + byte, 0);
  return withField(spaced, 148, bytes(`${sum.toString(8).padStart(6, "0")}\0 `));
}

/** A file: header, content, zero padding. The overrides change the header only. */
export function tarFile(
  path: string,
  content: string | Uint8Array,
  overrides: TarFields = {},
): Uint8Array {
  const body = bytes(content);
  return concat(tarRaw({ name: path, size: body.length, ...overrides }), padded(body));
}

/** A directory; a slash is put after the name, as tar programs do. */
export function tarDirectory(path: string, overrides: TarFields = {}): Uint8Array {
  return tarRaw({ name: `${path}/`, mode: 0o755, type: "5", ...overrides });
}

export function tarSymlink(path: string, target: string, overrides: TarFields = {}): Uint8Array {
  return tarRaw({ name: path, mode: 0o777, type: "2", linkName: target, ...overrides });
}

/**
 * A pax header for the entry after it.
 *
 * @param records key and value pairs, or the raw content if it is to be malformed
 */
export function tarPax(
  records: readonly (readonly [key: string, value: string])[] | string | Uint8Array,
  overrides: TarFields = {},
): Uint8Array {
  const body =
    typeof records === "string" || records instanceof Uint8Array
      ? bytes(records)
      : concat(...records.map(([key, value]) => paxRecord(key, value)));
  return tarFile("PaxHeader", body, { type: "x", ...overrides });
}

/** One pax record, with its length before it. */
export function paxRecord(key: string, value: string): Uint8Array {
  const bare = ` ${key}=${value}\n`.length;
  for (let digits = 1; ; digits += 1) {
    const length = bare + digits;
    if (length.toString().length === digits) return bytes(`${length} ${key}=${value}\n`);
  }
}

/** The end-of-archive marker: two zero blocks, unless told otherwise. */
export function tarEnd(blocks = 2): Uint8Array {
  return new Uint8Array(blocks * 512);
}

/** A whole archive with a `vmlinux` before the parts and the end marker after them. */
export function tarBundle(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(tarFile("vmlinux", "kernel"), ...parts, tarEnd());
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The bytes of a text, a code point for each: `"\x80"` is one byte. */
export function bytes(text: string | Uint8Array): Uint8Array {
  return typeof text === "string"
    ? Uint8Array.from(text, (character) => character.charCodeAt(0))
    : text;
}

function padded(body: Uint8Array): Uint8Array {
  return concat(body, new Uint8Array((512 - (body.length % 512)) % 512));
}

function fieldBytes(value: string | number | Uint8Array | undefined, length: number): Uint8Array {
  const raw = bytes(
    typeof value === "number" ? `${value.toString(8).padStart(length - 1, "0")}\0` : (value ?? ""),
  );
  if (raw.length > length) throw new Error(`${raw.length} bytes do not fit in ${length}`);
  return raw;
}

function withField(block: Uint8Array, offset: number, field: Uint8Array): Uint8Array {
  const copy = block.slice();
  copy.set(field, offset);
  return copy;
}
