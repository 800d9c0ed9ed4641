import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { daysFromNow, daysSince } from "../../io/clock.ts";
import type { Variables } from "../../io/environment.ts";
import { sha256Of } from "../../io/hash.ts";
import { metadataBytes, newSnapshot, newTimestamp } from "../../trust/new-metadata.ts";
import { signatureBy } from "../../trust/role-key.ts";
import type { PublishedState } from "./published-state.ts";
import { idWithin, notAllowed } from "./signatures.ts";
import { readSigningKey } from "./signing-key.ts";
import {
  isSignedBy,
  type MetadataFile,
  metadataFile,
  timestampFile,
  type TrustFolder,
} from "./trust-folder.ts";

/** What a machine signs, and from what. */
export interface Renewal {
  /** Has the keys; see {@link onlineKeys}. */
  readonly variables: Variables;
  readonly checkout: string;
  /** What is here. */
  readonly trust: TrustFolder;
  /** The newest root of it. */
  readonly root: MetadataFile<Root>;
  /** What is published. */
  readonly live: PublishedState | undefined;
  /** Begin at this version, whatever came before. */
  readonly restartAt: number | undefined;
  readonly snapshotDays: number;
  readonly timestampDays: number;
}

/** Where CI keeps its keys: the PEM itself. */
export const onlineKeys = {
  snapshot: "BANGER_SNAPSHOT_KEY",
  timestamp: "BANGER_TIMESTAMP_KEY",
} as const;

/** The newest snapshot, if it names these targets and is not half over. */
export function goodSnapshot(
  { trust, live, root, restartAt, snapshotDays }: Renewal,
  targets: MetadataFile<Targets>,
): MetadataFile<Snapshot> | undefined {
  if (restartAt !== undefined) return undefined;
  const newest = newestOf([trust.snapshot, live?.snapshot], "snapshot", [root]);
  if (newest === undefined) return undefined;
  const { meta, expires } = newest.metadata.signed;
  const named = meta["targets.json"];
  const isOfTargets =
    named?.version === targets.version && named.hashes?.["sha256"] === sha256Of(targets.bytes);
  return isOfTargets && -daysSince(expires) > snapshotDays / 2 ? newest : undefined;
}

/** A new snapshot, signed. @throws {BangerError} `failed`, when there is no key; `refused`, when it is another's */
export function makeSnapshot(
  renewal: Renewal,
  targets: MetadataFile<Targets>,
): MetadataFile<Snapshot> {
  const { trust, live, restartAt, snapshotDays } = renewal;
  const newest = newestOf([trust.snapshot, live?.snapshot], "snapshot", trust.roots);
  const version = restartAt ?? (newest?.version ?? 0) + 1;
  const metadata = newSnapshot({ version, expires: daysFromNow(snapshotDays) }, targets);
  sign(renewal, "snapshot", metadata);
  const bytes = metadataBytes(metadata);
  return { file: metadataFile("snapshot", version), version, bytes, metadata };
}

/** A new timestamp, signed. @throws as {@link makeSnapshot} */
export function makeTimestamp(
  renewal: Renewal,
  snapshot: MetadataFile<Snapshot>,
): MetadataFile<Timestamp> {
  const { trust, live, restartAt, timestampDays } = renewal;
  const newest = newestOf([trust.timestamp, live?.timestamp], "timestamp", trust.roots);
  const version = restartAt ?? (newest?.version ?? 0) + 1;
  const metadata = newTimestamp({ version, expires: daysFromNow(timestampDays) }, snapshot);
  sign(renewal, "timestamp", metadata);
  return { file: timestampFile, version, bytes: metadataBytes(metadata), metadata };
}

/** The newest that one of the roots vouches for. */
function newestOf<Kind extends Snapshot | Timestamp>(
  items: readonly (MetadataFile<Kind> | undefined)[],
  role: "snapshot" | "timestamp",
  roots: readonly MetadataFile<Root>[],
): MetadataFile<Kind> | undefined {
  const [newest] = items
    .filter((item) => item !== undefined)
    .filter(({ metadata }) => isSignedBy(roots, role, metadata))
    .sort((a, b) => b.version - a.version);
  return newest;
}

function sign(
  { variables, checkout, root }: Renewal,
  role: "snapshot" | "timestamp",
  metadata: Metadata<Snapshot> | Metadata<Timestamp>,
): void {
  const key = readSigningKey({ variables, checkout }, `env:${onlineKeys[role]}`);
  const id = idWithin(root.metadata.signed, role, key);
  if (id === undefined) throw notAllowed(key, `a ${role}`);
  metadata.sign(signatureBy(id, key.signer));
}
