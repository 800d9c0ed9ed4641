import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { decodeArmor } from "../../core/openpgp-armor.ts";
import { packetTags } from "../../core/openpgp-packets.ts";
import {
  type ListedKey,
  maxKeyFileBytes,
  parseKeyList,
  type ReleaseKeys,
} from "../../core/release-keys.ts";
import { listNames, readText } from "../../io/files.ts";

export type { ReleaseKeys } from "../../core/release-keys.ts";

const listName = "fingerprints.json";
const readmeName = "README.md";

/** The tags of packets that hold a secret key. @see RFC 4880, section 4.3 */
const secretTags: ReadonlySet<number> = new Set([5, 7]);
const publicKeyTag = 6;

/** What the folder of release keys holds. */
export interface KeyFolder {
  readonly listed: readonly ListedKey[];
  /** Files that are neither listed nor about the list. */
  readonly extra: readonly string[];
}

/**
 * Reads the list of release keys, and which files lie beside it.
 *
 * @throws {BangerError} `bad-catalog`, when there is no such list or it is not of three keys; `io`.
 */
export function readKeyFolder(folder: string): KeyFolder {
  const file = path.join(folder, listName);
  const text = readText(file, maxKeyFileBytes);
  if (text === undefined) {
    throw new BangerError("bad-catalog", `there is no list of release keys ${file}`);
  }
  const listed = parseKeyList(text, file);
  const known = new Set([listName, readmeName, ...listed.map((key) => key.file)]);
  return { listed, extra: listNames(folder).filter((name) => !known.has(name)) };
}

/**
 * The packets of a listed key.
 *
 * @throws {BangerError} `bad-catalog`, when the file is missing or is not one armored public key; `io`.
 */
export function readKeyFile(folder: string, key: ListedKey): Uint8Array {
  const file = path.join(folder, key.file);
  const text = readText(file, maxKeyFileBytes);
  if (text === undefined) throw unusable(file, "it is missing");
  const bytes = decodeArmor(text, "PGP PUBLIC KEY BLOCK");
  const tags = bytes === undefined ? undefined : packetTags(bytes);
  if (bytes === undefined || tags === undefined) {
    throw unusable(file, "it is not one armored public key");
  }
  if (tags.some((tag) => secretTags.has(tag))) throw unusable(file, "it holds a secret key");
  const count = tags.filter((tag) => tag === publicKeyTag).length;
  if (count !== 1) throw unusable(file, `it holds ${count} public keys, expected 1`);
  return bytes;
}

function unusable(file: string, reason: string): BangerError {
  return new BangerError("bad-catalog", `cannot use the release key ${file}: ${reason}`, {
    hint: "run: make check-keys",
  });
}

/**
 * Loads the keys that may sign a kernel source: the listed ones, and no other.
 *
 * @param folder `catalog/upstream-keys` of the checkout.
 * @throws {BangerError} `bad-catalog`, when list and files do not agree; `io`.
 */
export function loadReleaseKeys(folder: string): ReleaseKeys {
  const { listed, extra } = readKeyFolder(folder);
  const [stranger] = extra;
  if (stranger !== undefined) throw unusable(path.join(folder, stranger), "it is not listed");
  return listed.map((key) => ({ ...key, bytes: readKeyFile(folder, key) }));
}
