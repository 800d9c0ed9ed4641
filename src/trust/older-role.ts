import { BangerError } from "../core/errors.ts";
import {
  type RepositoryFiles,
  type RoleName,
  type VerifiedRepository,
  verifyRepository,
} from "./repository.ts";

/** A role that has gone backwards. */
export interface OlderRole {
  readonly role: RoleName;
  readonly version: number;
  readonly knownVersion: number;
}

/**
 * The first role of a repository that is older than what is known. What is known counts only as far as
 * the newest keys still vouch for it: what was signed with a key that is no longer trusted may well
 * have had too high a version.
 *
 * @param files a repository that verifies, with at least the roots that are known.
 * @throws {BangerError} `verification-failed`, when `files` does not verify.
 * @see https://theupdateframework.github.io/specification/latest/#update-root 5.3.11
 */
export function olderRole(
  trustedRoot: Uint8Array,
  known: RepositoryFiles,
  files: RepositoryFiles,
): OlderRole | undefined {
  const after = verifyRepository(trustedRoot, files);
  let before: VerifiedRepository;
  try {
    before = verifyRepository(trustedRoot, { ...known, roots: files.roots });
  } catch (error) {
    if (error instanceof BangerError) return undefined;
    throw error;
  }
  for (const [index, { role, version }] of after.roles.entries()) {
    const knownVersion = before.roles[index]?.version ?? 0;
    if (version < knownVersion) return { role, version, knownVersion };
  }
  return undefined;
}
