import {
  type Key,
  Metadata,
  MetaFile,
  Root,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "@tufjs/models";
import { sha256Of } from "../io/hash.ts";
import { type AnyMetadata, catalogTarget, type RoleName, roleNames } from "./repository.ts";

/** Who may sign a role, and how many of them must. */
export interface RoleHolders {
  readonly keys: readonly Key[];
  readonly threshold: number;
}

/** Every role's holders. */
export type AllHolders = Readonly<Record<RoleName, RoleHolders>>;

/** Which version it is, and until when it is good: RFC 3339. */
export interface Term {
  readonly version: number;
  readonly expires: string;
}

/** A file that is told of by its version, length and hash. */
export interface SignedFile {
  readonly version: number;
  readonly bytes: Uint8Array;
}

const specVersion = "1.0.31";

/** An unsigned root. Files are published under names that never change (`consistent_snapshot`). */
export function newRoot({ version, expires }: Term, holders: AllHolders): Metadata<Root> {
  const keys = roleNames.flatMap((role) => holders[role].keys);
  return new Metadata(
    Root.fromJSON({
      _type: "root",
      spec_version: specVersion,
      version,
      expires,
      consistent_snapshot: true,
      keys: Object.fromEntries(keys.map((key) => [key.keyID, key.toJSON()])),
      roles: Object.fromEntries(
        roleNames.map((role) => {
          const { keys: own, threshold } = holders[role];
          return [role, { keyids: own.map(({ keyID }) => keyID), threshold }];
        }),
      ),
    }),
  );
}

/** Who may sign what by a root. */
export function holdersOf(root: Root): AllHolders {
  const of = (role: RoleName): RoleHolders => {
    const { keyIDs = [], threshold = 1 } = root.roles[role] ?? {};
    return { keys: keyIDs.flatMap((id) => root.keys[id] ?? []), threshold };
  };
  return {
    root: of("root"),
    targets: of("targets"),
    snapshot: of("snapshot"),
    timestamp: of("timestamp"),
  };
}

/** Unsigned metadata that names a catalog as the one target. */
export function newTargets(term: Term, catalog: Uint8Array): Metadata<Targets> {
  const target = new TargetFile({
    path: catalogTarget,
    length: catalog.length,
    hashes: { sha256: sha256Of(catalog) },
  });
  return new Metadata(new Targets({ ...term, specVersion, targets: { [catalogTarget]: target } }));
}

/** Unsigned metadata that names the targets metadata which counts. */
export function newSnapshot(term: Term, targets: SignedFile): Metadata<Snapshot> {
  return new Metadata(
    new Snapshot({ ...term, specVersion, meta: { "targets.json": metaOf(targets) } }),
  );
}

/** Unsigned metadata that names the snapshot which counts. */
export function newTimestamp(term: Term, snapshot: SignedFile): Metadata<Timestamp> {
  return new Metadata(new Timestamp({ ...term, specVersion, snapshotMeta: metaOf(snapshot) }));
}

function metaOf({ version, bytes }: SignedFile): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256Of(bytes) } });
}

/** The one way to write metadata: a line for each value, so that a review shows what changes. */
export function metadataBytes(metadata: AnyMetadata): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(metadata.toJSON(), undefined, 2)}\n`);
}
