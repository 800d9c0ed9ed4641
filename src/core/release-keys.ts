import * as v from "valibot";
import { BangerError } from "./errors.ts";
import { isFingerprint, type Fingerprint } from "./fingerprint.ts";
import { fieldOf } from "./shortened.ts";

/** A key of `fingerprints.json`, which lists the keys that may sign a kernel source. */
export interface ListedKey {
  /** Who signs with it. */
  readonly holder: string;
  /** Of the primary key. */
  readonly fingerprint: Fingerprint;
  /** The armored file in the same folder. */
  readonly file: string;
}

/** A key with what gpgv needs of it. */
export interface ReleaseKey extends ListedKey {
  /** Its OpenPGP packets. */
  readonly bytes: Uint8Array;
}

/** The keys that may sign a kernel source. */
export type ReleaseKeys = readonly ReleaseKey[];

/** Whose signature counts: Linus Torvalds, Greg Kroah-Hartman and Sasha Levin, and nobody beside. */
const keyCount = 3;

/** No file of the folder of keys may be larger: 64 KiB. */
export const maxKeyFileBytes: number = 2 ** 16;

const listSchema = v.strictObject({
  keys: v.pipe(
    v.array(
      v.strictObject({
        holder: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
        fingerprint: v.custom<Fingerprint>(
          (value) => typeof value === "string" && isFingerprint(value),
        ),
        file: v.pipe(v.string(), v.regex(/^[a-z0-9]+(?:-[a-z0-9]+)*\.asc$/)),
      }),
    ),
    v.minLength(1),
  ),
});

/**
 * Reads the text of `fingerprints.json`.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `bad-catalog`, as {@link readKeyList} does, and when it is not JSON.
 */
export function parseKeyList(json: string, origin: string): readonly ListedKey[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BangerError("bad-catalog", `cannot use ${origin}: it is not JSON`, { cause });
  }
  return readKeyList(value, origin);
}

/**
 * Reads the document of `fingerprints.json`.
 *
 * @param origin how the error calls it.
 * @throws {BangerError} `bad-catalog`, naming the field: unknown fields, and a fingerprint or file
 * that stands twice, refuse it too, and more or fewer keys than the three.
 */
export function readKeyList(value: unknown, origin: string): readonly ListedKey[] {
  const parsed = v.safeParse(listSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = fieldOf(issue, "document");
    throw new BangerError("bad-catalog", `cannot use ${origin}: ${field} is not as it should be`);
  }
  const { keys } = parsed.output;
  for (const field of ["fingerprint", "file"] as const) {
    if (new Set(keys.map((key) => key[field])).size < keys.length) {
      throw new BangerError("bad-catalog", `cannot use ${origin}: a ${field} stands twice`);
    }
  }
  if (keys.length !== keyCount) {
    throw new BangerError(
      "bad-catalog",
      `cannot use ${origin}: it lists ${keys.length} keys, expected ${keyCount}`,
    );
  }
  return keys;
}
