import type { Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { maxCatalogBytes } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import type { RepositorySource } from "../../io/repository-source.ts";
import { maxMetadataBytes, parseRole } from "../../trust/repository.ts";
import { catalogCopyOf } from "./signed-catalog.ts";
import { isSignedBy, type MetadataFile, metadataFile, timestampFile } from "./trust-folder.ts";

/** What hosts get today. */
export interface PublishedState {
  readonly timestamp: MetadataFile<Timestamp>;
  readonly snapshot: MetadataFile<Snapshot>;
  readonly targets: MetadataFile<Targets>;
  readonly catalog: Uint8Array;
}

/**
 * Reads what is published. What nobody of ours has signed is not ours, and does not count: hosts pass it
 * over too.
 *
 * @param roots by which it may be signed, the old ones too.
 * @returns undefined when nothing is.
 * @throws {BangerError} `verification-failed`, when it is not whole; `network`, `timeout`; the signal's reason.
 */
export async function readPublished(
  source: RepositorySource,
  roots: readonly MetadataFile<Root>[],
): Promise<PublishedState | undefined> {
  const bytes = await source.read(timestampFile, maxMetadataBytes.timestamp);
  if (bytes === undefined) return undefined;
  const timestamp = parseRole.timestamp(bytes);
  if (!isSignedBy(roots, "timestamp", timestamp)) return undefined;
  const take = async (file: string, maxBytes: number): Promise<Uint8Array> => {
    const found = await source.read(file, maxBytes);
    if (found !== undefined) return found;
    throw new BangerError("verification-failed", `${source.label} has no ${file}`, {
      hint: "what is published is not whole; to publish it again: scripts/banger-maint push",
    });
  };
  const { version: snapshotVersion } = timestamp.signed.snapshotMeta;
  const snapshotFile = metadataFile("snapshot", snapshotVersion);
  const snapshotBytes = await take(snapshotFile, maxMetadataBytes.snapshot);
  const snapshot = parseRole.snapshot(snapshotBytes);
  const targetsVersion = snapshot.signed.meta["targets.json"]?.version ?? 0;
  const targetsFile = metadataFile("targets", targetsVersion);
  const targetsBytes = await take(targetsFile, maxMetadataBytes.targets);
  const targets = parseRole.targets(targetsBytes);
  return {
    timestamp: {
      file: timestampFile,
      version: timestamp.signed.version,
      bytes,
      metadata: timestamp,
    },
    snapshot: {
      file: snapshotFile,
      version: snapshotVersion,
      bytes: snapshotBytes,
      metadata: snapshot,
    },
    targets: {
      file: targetsFile,
      version: targetsVersion,
      bytes: targetsBytes,
      metadata: targets,
    },
    catalog: await take(catalogCopyOf(targets.signed) ?? "targets/", maxCatalogBytes),
  };
}
