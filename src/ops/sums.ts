import path from "node:path";
import { type Catalog, tarballFile } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { mirrorNames } from "../core/mirror-names.ts";
import { readText, removeFile, replaceFile } from "../io/files.ts";
import { sha256Of } from "../io/hash.ts";
import { minisign, verifyMinisign } from "../io/minisign.ts";
import { catalogTarget } from "../trust/repository.ts";
import { noCatalog, readForEdit } from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";
import { passphraseVariable, secretAt } from "./trust/signing-key.ts";

/** Where the sums are, beside the catalog, and by these keys in the bucket. */
export const sumsFile: string = mirrorNames.checksums;
export const sumsSignature: string = mirrorNames.checksumsSignature;
/** What people verify by; it is in the checkout, and told to people by other ways than the bucket. */
export const sumsPublicKey = "minisign.pub";
const maxSumsBytes = 1_000_000;

/** Whose sums are to be written. */
export interface SumsInput {
  readonly catalogFile: string;
  /** The cache of the checkout: the lock is in there. */
  readonly cache: string;
  readonly checkout: string;
  /** Where the catalog's files are published, with a slash at its end. */
  readonly baseUrl: string;
  /** A secret key of minisign: a file or `env:NAME`; undefined: not signed. */
  readonly keyPlace: string | undefined;
  readonly wait: boolean;
}

/** What was written. */
export interface SumsResult {
  readonly folder: string;
  readonly serial: number;
  readonly text: string;
  /** Undefined when it is not signed. */
  readonly trustedComment: string | undefined;
}

/** For people without banger: what sha256sum(1) checks. @param bytes of the catalog */
export function sumsText(catalog: Catalog, bytes: string): string {
  const files = new Map<string, string>(
    catalog.entries.map((entry) => [tarballFile(entry), entry.tarball_sha256]),
  );
  files.set(catalogTarget, sha256Of(bytes));
  const names = [...files.keys()].sort();
  return names.map((name) => `${files.get(name) ?? ""}  ${name}\n`).join("");
}

/**
 * Writes the sums of the catalog and of all its tarballs beside it, and signs them with minisign.
 *
 * @throws {BangerError} `bad-catalog`; `failed`, when there is no minisign, or the key is of no use;
 * `refused`, when it is another key than the one that people have, or lies in the checkout; `busy`, `io`,
 * `no-space`; the signal's reason.
 */
export async function writeSums(context: Context, input: SumsInput): Promise<SumsResult> {
  const { catalogFile, cache, wait, keyPlace } = input;
  return withCatalogLock(context, { catalogFile, cache, doing: "signing", wait }, async () => {
    const { catalog, text: bytes } = readForEdit(catalogFile, input.baseUrl);
    if (bytes === undefined) throw noCatalog(catalogFile);
    const folder = path.dirname(catalogFile);
    const text = sumsText(catalog, bytes);
    const told = { folder, serial: catalog.serial, text };
    if (keyPlace === undefined) {
      // What is there was signed for other sums, or it may have been.
      removeFile(path.join(folder, sumsSignature));
      replaceFile(path.join(folder, sumsFile), text);
      return { ...told, trustedComment: undefined };
    }
    const { variables } = context.environment;
    const secret = secretAt({ variables, checkout: input.checkout }, keyPlace);
    const trustedComment = commentOf(catalog);
    const passphrase = variables[passphraseVariable];
    const publicFile = path.join(folder, sumsPublicKey);
    const publicKey = readText(publicFile, maxSumsBytes);
    const { signature, publicKey: usedKey } = await minisign(
      {
        text,
        secretKey: secret.text,
        label: secret.label,
        passphrase: passphrase === "" ? undefined : passphrase,
        publicKey,
        trustedComment,
      },
      { variables, signal: context.signal },
    ).catch((error: unknown) => {
      throw error instanceof BangerError && error.code === "verification-failed"
        ? otherKey(publicFile, error)
        : error;
    });
    if (publicKey === undefined) replaceFile(publicFile, usedKey);
    replaceFile(path.join(folder, sumsFile), text);
    replaceFile(path.join(folder, sumsSignature), signature);
    return { ...told, trustedComment };
  });
}

function commentOf({ serial, updated }: Catalog): string {
  return `banger catalog ${serial} of ${updated}`;
}

/** People verify by the key that they were told once. */
function otherKey(publicFile: string, cause: unknown): BangerError {
  return new BangerError(
    "refused",
    `the key is not the one of ${publicFile}, by which people verify`,
    {
      hint: `to begin with another, and tell everybody: rm ${publicFile}`,
      cause,
    },
  );
}

/** Sums that people can check. */
export interface SignedSums {
  readonly catalog: string;
  readonly sums: string;
  readonly signature: string;
}

/**
 * Reads the sums beside a catalog, and verifies them as people will.
 *
 * @returns undefined when there are none.
 * @throws {BangerError} `verification-failed`, when they are of another catalog, or not signed by the key
 * beside them; `bad-catalog`; `failed`, when there is no minisign; `io`; the signal's reason.
 */
export async function readSums(
  context: Context,
  catalogFile: string,
  baseUrl: string,
): Promise<SignedSums | undefined> {
  const folder = path.dirname(catalogFile);
  const read = (name: string, maxBytes = maxSumsBytes): string | undefined =>
    readText(path.join(folder, name), maxBytes);
  const sums = read(sumsFile);
  if (sums === undefined) return undefined;
  const { catalog, text } = readForEdit(catalogFile, baseUrl);
  if (text === undefined) throw noCatalog(catalogFile);
  const [signature, publicKey] = [read(sumsSignature), read(sumsPublicKey)];
  const hint = "to make them anew: scripts/banger-maint sums --key FILE";
  if (sums !== sumsText(catalog, text)) {
    throw new BangerError(
      "verification-failed",
      `${path.join(folder, sumsFile)} is of another catalog than ${catalogFile}`,
      { hint },
    );
  }
  if (signature === undefined || publicKey === undefined) {
    throw new BangerError("verification-failed", `${path.join(folder, sumsFile)} is not signed`, {
      hint,
    });
  }
  const { variables } = context.environment;
  const options = { variables, signal: context.signal };
  const comment = await verifyMinisign(sums, { signature, publicKey }, options);
  if (comment !== commentOf(catalog)) {
    throw new BangerError(
      "verification-failed",
      `${path.join(folder, sumsSignature)} is of ${JSON.stringify(comment)}, expected ${JSON.stringify(commentOf(catalog))}`,
      { hint },
    );
  }
  return { catalog: text, sums, signature };
}
