import { BangerError } from "../../core/errors.ts";
import { sha256Of } from "../../io/hash.ts";
import { folderSource } from "../../io/repository-source.ts";
import { factsOf, verifyRepository } from "../../trust/repository.ts";
import type { Root, Targets } from "@tufjs/models";
import type { Context } from "../context.ts";
import { goodSnapshot, makeSnapshot, makeTimestamp } from "./online-metadata.ts";
import { readPublishable, type RepositoryFile, requireRootCopy } from "./publishable.ts";
import { type PublishedState, readPublished } from "./published-state.ts";
import { webRepository } from "../web-repository.ts";
import { catalogAt, catalogCopy, namesCatalog } from "./signed-catalog.ts";
import { missingSignatures } from "./signatures.ts";
import {
  type MetadataFile,
  putTrustFile,
  readTrustFolder,
  removeTrustFile,
  requireRoot,
  type TrustFolder,
} from "./trust-folder.ts";
import { type TrustPlace, whileSigning } from "./trust-place.ts";

/** How to renew. */
export interface RenewTrustInput extends TrustPlace {
  readonly checkout: string;
  /** Where everybody reads the repository, with a slash at its end. */
  readonly baseUrl: string;
  /** The folder itself is what is published: nobody is asked. */
  readonly isLocal: boolean;
  /** Renew what is published, whatever catalog is here. */
  readonly ofPublished: boolean;
  /** Begin at this version, after stolen keys have driven versions up. */
  readonly restartAt: number | undefined;
  readonly snapshotDays: number;
  readonly timestampDays: number;
}

/** What was made. */
export interface RenewTrustResult {
  readonly targetsVersion: number;
  readonly snapshotVersion: number;
  /** Whether the snapshot is new. */
  readonly isNewSnapshot: boolean;
  readonly timestampVersion: number;
  /** Until when the timestamp is good: RFC 3339. */
  readonly expires: string;
}

/**
 * Makes a new timestamp, and a new snapshot when the catalog is another or the old one is half over, with
 * the keys that CI holds. The folder can then be published as it is.
 *
 * @throws {BangerError} `failed`, when there is no root, no key, or nothing is published to renew;
 * `refused`, when a key may not sign that; `verification-failed`, when people have not signed the
 * catalog that is here, or a newer one is published, or something is unsound or over; `network`,
 * `timeout`, `busy`, `io`, `no-space`; the signal's reason.
 */
export async function renewTrust(
  context: Context,
  input: RenewTrustInput,
): Promise<RenewTrustResult> {
  return whileSigning(context, input, async () => {
    const trust = await readTrustFolder(input.trust);
    const root = requireRoot(trust);
    requireRootCopy(trust);
    const source = input.isLocal
      ? folderSource(input.trust)
      : webRepository(context, input.baseUrl);
    const live = await readPublished(source, trust.roots);
    const chosen = input.ofPublished
      ? requireLive(live, source.label)
      : chosenHere(trust, root, input);
    if (live !== undefined) refuseOlder(chosen.targets, live.targets);
    const { variables } = context.environment;
    const renewal = { ...input, variables, trust, live, root };
    const kept = goodSnapshot(renewal, chosen.targets);
    const snapshot = kept ?? makeSnapshot(renewal, chosen.targets);
    const timestamp = makeTimestamp(renewal, snapshot);
    const [first, ...others] = trust.roots;
    if (first === undefined) throw new Error("there is a newest root, so there is a first");
    verifyRepository(first.bytes, {
      roots: others.map(({ bytes }) => bytes),
      timestamp: timestamp.bytes,
      snapshot: snapshot.bytes,
      targets: chosen.targets.bytes,
      catalog: chosen.catalog,
    });
    write(trust, [
      { file: catalogCopy(sha256Of(chosen.catalog)), bytes: chosen.catalog },
      chosen.targets,
      snapshot,
      timestamp,
    ]);
    await readPublishable(await readTrustFolder(input.trust));
    return {
      targetsVersion: chosen.targets.version,
      snapshotVersion: snapshot.version,
      isNewSnapshot: kept === undefined,
      timestampVersion: timestamp.version,
      expires: timestamp.metadata.signed.expires,
    };
  });
}

type Chosen = Pick<PublishedState, "targets" | "catalog">;

function requireLive(live: PublishedState | undefined, label: string): PublishedState {
  if (live !== undefined) return live;
  throw new BangerError("failed", `nothing that we have signed is published at ${label}`, {
    hint: "to publish the catalog that is here: scripts/banger-maint trust renew && scripts/banger-maint push",
  });
}

/** The catalog that is here, once enough people have signed it. */
function chosenHere(
  { targets }: TrustFolder,
  root: MetadataFile<Root>,
  { catalogFile }: RenewTrustInput,
): Chosen {
  const catalog = catalogAt(catalogFile);
  const hint = "each holder of a targets key: scripts/banger-maint catalog sign --key FILE";
  if (targets === undefined || !namesCatalog(targets.metadata.signed, catalog)) {
    throw new BangerError("verification-failed", `nobody has signed ${catalogFile} as it is`, {
      hint,
    });
  }
  const facts = factsOf("targets", root.metadata, targets.metadata);
  const missing = missingSignatures(facts);
  if (missing > 0) {
    throw new BangerError(
      "verification-failed",
      `${targets.file} is signed by ${facts.threshold - missing} of its keys, expected ${facts.threshold}`,
      { hint },
    );
  }
  return { targets, catalog };
}

/** No host would take it. */
function refuseOlder(chosen: MetadataFile<Targets>, live: MetadataFile<Targets>): void {
  if (chosen.version > live.version) return;
  if (chosen.version === live.version && Buffer.from(chosen.bytes).equals(live.bytes)) return;
  throw new BangerError(
    "verification-failed",
    chosen.version === live.version
      ? `${live.file} is published with other bytes than those that are here`
      : `${live.file} is published, which is newer than ${chosen.file}`,
    { hint: "bring this checkout up to date: git pull" },
  );
}

/** Not the timestamp before the rest. */
function write(trust: TrustFolder, files: readonly RepositoryFile[]): void {
  for (const { file, bytes } of files) putTrustFile(trust.folder, file, bytes);
  const { snapshot } = trust;
  const isReplaced = snapshot !== undefined && files.every(({ file }) => file !== snapshot.file);
  if (isReplaced) removeTrustFile(trust.folder, snapshot.file);
}
