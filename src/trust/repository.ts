import {
  Metadata,
  MetadataKind,
  type MetaFile,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from "@tufjs/models";
import { BangerError } from "../core/errors.ts";
import { isSha256, type Sha256 } from "../core/sha256.ts";
import { sha256Of } from "../io/hash.ts";

/** The one target of a repository. */
export const catalogTarget = "catalog.json";

/** The four roles that The Update Framework asks for. */
export type RoleName = "root" | "targets" | "snapshot" | "timestamp";

/** All roles, in the order in which they are trusted. */
export const roleNames: readonly RoleName[] = ["root", "timestamp", "snapshot", "targets"];

/**
 * No metadata of a role is larger, in bytes. It is parsed before its signatures can be looked at, and
 * keys in a time that grows with the square of their number: whoever has a server, and no key, must not
 * be able to keep a host busy.
 */
export const maxMetadataBytes: Readonly<Record<RoleName, number>> = {
  root: 64 * 2 ** 10,
  timestamp: 16 * 2 ** 10,
  snapshot: 256 * 2 ** 10,
  targets: 256 * 2 ** 10,
};

/** The files of a repository, as somebody gave them to us. */
export interface RepositoryFiles {
  /** The roots that follow the trusted one, each signed by the one before. */
  readonly roots: readonly Uint8Array[];
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
  readonly catalog: Uint8Array;
}

/** What one role's metadata says of itself. */
export interface RoleFacts {
  readonly role: RoleName;
  /** Grows with every change. */
  readonly version: number;
  /** RFC 3339. */
  readonly expires: string;
  /** How many of `keys` must have signed. */
  readonly threshold: number;
  /** The ids of the keys that may sign, and whether each has. */
  readonly keys: readonly { readonly id: string; readonly signed: boolean }[];
}

/** A repository whose signatures, hashes and versions are right. Its age is another matter. */
export interface VerifiedRepository {
  /** In the order of {@link roleNames}. */
  readonly roles: readonly RoleFacts[];
  readonly catalog: Uint8Array;
  readonly catalogSha256: Sha256;
}

/**
 * Verifies a repository from a trusted root down to its catalog, as the client workflow of TUF has
 * it, but for what needs a clock: expiry. Synchronous, and without effects.
 *
 * @param trustedRoot a root that is trusted for another reason than its own signature.
 * @throws {BangerError} `verification-failed`, naming the file and what is wrong with it.
 * @see https://theupdateframework.github.io/specification/latest/#detailed-client-workflow
 */
export function verifyRepository(
  trustedRoot: Uint8Array,
  files: RepositoryFiles,
): VerifiedRepository {
  const root = verifyRoots(trustedRoot, files.roots);
  const timestamp = parseRole.timestamp(files.timestamp);
  requireSigned(root, "timestamp", timestamp);
  const snapshot = parseRole.snapshot(files.snapshot);
  requireSigned(root, "snapshot", snapshot);
  requireMeta("snapshot", timestamp.signed.snapshotMeta, snapshot.signed.version, files.snapshot);
  const targets = parseRole.targets(files.targets);
  requireSigned(root, "targets", targets);
  const targetsMeta = snapshot.signed.meta["targets.json"];
  if (targetsMeta === undefined) throw unsound("snapshot", "it does not name targets.json");
  requireMeta("targets", targetsMeta, targets.signed.version, files.targets);
  const catalogSha256 = requireCatalog(targets.signed, files.catalog);
  return {
    roles: [
      factsOf("root", root, root),
      factsOf("timestamp", root, timestamp),
      factsOf("snapshot", root, snapshot),
      factsOf("targets", root, targets),
    ],
    catalog: files.catalog,
    catalogSha256,
  };
}

/**
 * The last of a chain of roots, each of which the one before vouches for.
 *
 * @throws {BangerError} `verification-failed`
 * @see https://theupdateframework.github.io/specification/latest/#update-root 5.3.4, 5.3.5
 */
export function verifyRoots(trustedRoot: Uint8Array, roots: readonly Uint8Array[]): Metadata<Root> {
  let current = parseRole.root(trustedRoot);
  requireSigned(current, "root", current);
  for (const bytes of roots) {
    const next = parseRole.root(bytes);
    requireSigned(current, "root", next);
    requireSigned(next, "root", next);
    const wanted = current.signed.version + 1;
    if (next.signed.version !== wanted) {
      throw unsound("root", `its version is ${next.signed.version}, expected ${wanted}`);
    }
    current = next;
  }
  return current;
}

/**
 * Reads metadata without trusting it.
 *
 * @throws {BangerError} `verification-failed`, when it is not what a role of that name has.
 */
export const parseRole = {
  root: (bytes: Uint8Array): Metadata<Root> =>
    parsed("root", bytes, (data) => Metadata.fromJSON(MetadataKind.Root, data)),
  timestamp: (bytes: Uint8Array): Metadata<Timestamp> =>
    parsed("timestamp", bytes, (data) => Metadata.fromJSON(MetadataKind.Timestamp, data)),
  snapshot: (bytes: Uint8Array): Metadata<Snapshot> =>
    parsed("snapshot", bytes, (data) => Metadata.fromJSON(MetadataKind.Snapshot, data)),
  targets: (bytes: Uint8Array): Metadata<Targets> =>
    parsed("targets", bytes, (data) => Metadata.fromJSON(MetadataKind.Targets, data)),
} as const;

type JsonObject = Parameters<typeof Metadata.fromJSON>[1];

function parsed<Result>(
  role: RoleName,
  bytes: Uint8Array,
  read: (data: JsonObject) => Result,
): Result {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return read(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unsound(role, `it is no ${role} metadata: ${reason}`, cause);
  }
}

/** Metadata of one of the four roles. */
export type AnyMetadata = Metadata<Root | Timestamp | Snapshot | Targets>;

/** @see https://theupdateframework.github.io/specification/latest/#verify-signatures 5.3.4, 5.4.2, 5.5.3, 5.6.3 */
function requireSigned(root: Metadata<Root>, role: RoleName, metadata: AnyMetadata): void {
  try {
    root.verifyDelegate(role, metadata);
  } catch (cause) {
    const { keys, threshold } = factsOf(role, root, metadata);
    const count = keys.filter(({ signed }) => signed).length;
    throw unsound(role, `${count} of its keys have signed it, expected ${threshold}`, cause);
  }
}

/** What one file says of another. @throws {BangerError} `verification-failed` */
function requireMeta(role: RoleName, meta: MetaFile, version: number, bytes: Uint8Array): void {
  if (version !== meta.version) {
    throw unsound(role, `its version is ${version}, expected ${meta.version}`);
  }
  try {
    meta.verify(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw unsound(role, "its bytes are not those that were signed for", cause);
  }
}

function requireCatalog(targets: Targets, bytes: Uint8Array): Sha256 {
  const target = targets.targets[catalogTarget];
  const wanted = target?.hashes["sha256"] ?? "";
  if (target === undefined || !isSha256(wanted)) {
    throw unsound("targets", `it names no ${catalogTarget} with a SHA-256`);
  }
  const found = sha256Of(bytes);
  if (found === wanted && bytes.length === target.length) return wanted;
  throw new BangerError(
    "verification-failed",
    `${catalogTarget} is not the one that was signed: its sha256 is ${found}, expected ${wanted}`,
  );
}

/** Who may sign a role by `root`, and who has. */
export function factsOf(role: RoleName, root: Metadata<Root>, metadata: AnyMetadata): RoleFacts {
  const { keyIDs = [], threshold = 1 } = root.signed.roles[role] ?? {};
  const { version, expires } = metadata.signed;
  const keys = keyIDs.map((id) => ({ id, signed: hasSigned(root, id, metadata) }));
  return { role, version, expires, threshold, keys };
}

function hasSigned(root: Metadata<Root>, id: string, metadata: AnyMetadata): boolean {
  try {
    root.signed.keys[id]?.verifySignature(metadata);
    return root.signed.keys[id] !== undefined;
  } catch {
    return false;
  }
}

function unsound(role: RoleName, reason: string, cause?: unknown): BangerError {
  return new BangerError("verification-failed", `${role}.json of the catalog: ${reason}`, {
    cause,
  });
}
