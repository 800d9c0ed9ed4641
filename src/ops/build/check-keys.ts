import { BangerError } from "../../core/errors.ts";
import type { KeyFacts } from "../../core/key-listing.ts";
import type { ListedKey } from "../../core/release-keys.ts";
import { daysSince } from "../../io/clock.ts";
import { describeKeys } from "../../io/gpg-keys.ts";
import type { Context } from "../context.ts";
import { readKeyFile, readKeyFolder } from "./release-keys.ts";

/** A listed key, and what is wrong with it. */
export interface CheckedKey extends ListedKey {
  /** RFC 3339; undefined: never, or not known. */
  readonly expiresAt: string | undefined;
  /** None: it is as listed, and can sign. */
  readonly problems: readonly string[];
  /** It can sign today, and soon will not. */
  readonly expiresSoon: boolean;
}

/** What became of the release keys. */
export interface KeyReport {
  readonly keys: readonly CheckedKey[];
  /** Files that no list names. */
  readonly extra: readonly string[];
}

const soonDays = 30;

/**
 * Compares the release keys with their list, and finds those that are expired, revoked, missing or
 * extra. Touches no network: whether a key was revoked elsewhere is not seen.
 *
 * @param folder `catalog/upstream-keys` of the checkout.
 * @throws {BangerError} `bad-catalog`, when there is no sound list of three keys; `failed`, when there
 * is no gpg; `io`, `no-space`; the signal's reason.
 */
export async function checkReleaseKeys(context: Context, folder: string): Promise<KeyReport> {
  const { listed, extra } = readKeyFolder(folder);
  const keys: CheckedKey[] = [];
  for (const key of listed) keys.push(await checkKey(context, folder, key));
  return { keys, extra };
}

async function checkKey(context: Context, folder: string, key: ListedKey): Promise<CheckedKey> {
  const broken = (problem: string): CheckedKey => ({
    ...key,
    expiresAt: undefined,
    problems: [problem],
    expiresSoon: false,
  });
  let bytes: Uint8Array;
  try {
    bytes = readKeyFile(folder, key);
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "bad-catalog") throw error;
    return broken(error.message);
  }
  const { variables } = context.environment;
  const described = await describeKeys(bytes, { variables, signal: context.signal });
  const [facts] = described ?? [];
  if (facts === undefined) return broken("gpg takes it for no public key");
  const expiresAt =
    facts.expiresAt === undefined ? undefined : new Date(facts.expiresAt * 1000).toISOString();
  const problems = problemsOf(facts, key, expiresAt);
  const expiresSoon =
    problems.length === 0 && expiresAt !== undefined && daysSince(expiresAt) > -soonDays;
  return { ...key, expiresAt, problems, expiresSoon };
}

function problemsOf(facts: KeyFacts, key: ListedKey, expiresAt: string | undefined): string[] {
  const problems: string[] = [];
  if (facts.fingerprint !== key.fingerprint) {
    problems.push(`it is ${facts.fingerprint}, the list says ${key.fingerprint}`);
  }
  if (facts.isRevoked) problems.push("it is revoked");
  if (facts.isExpired) problems.push(`it expired at ${expiresAt ?? "a time that it hides"}`);
  if (!facts.isRevoked && !facts.isExpired && !facts.canSign) {
    problems.push("none of its subkeys can sign any more");
  }
  return problems;
}
