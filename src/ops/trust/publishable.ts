import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { parseCatalogText } from "../../core/catalog.ts";
import { daysSince } from "../../io/clock.ts";
import { lookThrough } from "../../io/files.ts";
import { readWhole } from "../../io/read-range.ts";
import { folderSource, type RepositorySource } from "../../io/repository-source.ts";
import { type RoleFacts, verifyRepository } from "../../trust/repository.ts";
import { takeExpired } from "../../trust/take-folder.ts";
import { catalogCopy } from "./signed-catalog.ts";
import {
  metadataFile,
  requireRoot,
  rootCopy,
  timestampFile,
  type TrustFolder,
} from "./trust-folder.ts";

/** A file of a repository. */
export interface RepositoryFile {
  /** Its path in the repository, which is its key in the bucket. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** A whole repository that every host takes, today. */
export interface Publishable {
  /** Without the timestamp, in the order in which they are to be published. */
  readonly files: readonly RepositoryFile[];
  /** Makes all of it live. */
  readonly timestamp: RepositoryFile & { readonly version: number };
  readonly catalog: Uint8Array;
  readonly roles: readonly RoleFacts[];
}

/**
 * What of a trust folder can be published: all that its timestamp leads to, verified as a host does
 * it, time included. A root that waits for signatures is none of it.
 *
 * @throws {BangerError} `verification-failed`, when it does not verify, or its time is over;
 * `bad-catalog`, when the catalog is none; `failed`, when there is no root; `io`.
 */
export async function readPublishable(trust: TrustFolder): Promise<Publishable> {
  const { version: newest } = requireRoot(trust);
  const [first, ...others] = trust.roots;
  if (first === undefined) throw new Error("there is a newest root, so there is a first");
  requireRootCopy(trust);
  const source = upTo(newest, folderSource(trust.folder));
  const base = { trustedRoot: first.bytes, known: undefined };
  const files = await takeExpired(base, source).catch((error: unknown) => {
    // Here nothing is fetched: what is not there is missing.
    throw error instanceof BangerError && error.code === "network"
      ? new BangerError("verification-failed", error.message, { hint: renewHint, cause: error })
      : error;
  });
  const { roles, catalogSha256 } = verifyRepository(first.bytes, files);
  for (const { role, expires } of roles) {
    if (daysSince(expires) < 0) continue;
    throw new BangerError("verification-failed", `${role}.json was good until ${expires}`, {
      hint: role === "root" || role === "targets" ? signHints[role] : renewHint,
    });
  }
  parseCatalogText(new TextDecoder().decode(files.catalog), catalogCopy(catalogSha256));
  const version = (role: string): number =>
    roles.find((facts) => facts.role === role)?.version ?? 0;
  return {
    catalog: files.catalog,
    roles,
    // What a reader may meet before the rest is there comes last.
    files: [
      { file: catalogCopy(catalogSha256), bytes: files.catalog },
      { file: metadataFile("targets", version("targets")), bytes: files.targets },
      { file: metadataFile("snapshot", version("snapshot")), bytes: files.snapshot },
      ...[first, ...others].map(({ file, bytes }) => ({ file, bytes })),
    ],
    timestamp: { file: timestampFile, bytes: files.timestamp, version: version("timestamp") },
  };
}

const renewHint = "to make it anew: scripts/banger-maint trust renew";
const signHints = {
  root: "to renew it: scripts/banger-maint trust rotate root",
  targets: "to renew it: scripts/banger-maint catalog sign --renew --key FILE",
} as const;

/** A build takes `root.json`: it must be the newest root. @throws {BangerError} `verification-failed`, `io` */
export function requireRootCopy(trust: TrustFolder): void {
  const { file, bytes } = requireRoot(trust);
  const copy = path.join(trust.folder, rootCopy);
  if (lookThrough(copy) !== undefined && Buffer.from(bytes).equals(readWhole(copy))) return;
  throw new BangerError("verification-failed", `${copy} is not the newest root, ${file}`, {
    hint: `cp ${path.join(trust.folder, file)} ${copy}`,
  });
}

function upTo(version: number, source: RepositorySource): RepositorySource {
  return {
    label: source.label,
    read: async (file, maxBytes) => {
      const root = /^metadata\/(\d+)\.root\.json$/.exec(file)?.[1];
      return root !== undefined && Number(root) > version ? undefined : source.read(file, maxBytes);
    },
  };
}
