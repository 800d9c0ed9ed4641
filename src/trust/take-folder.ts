import { maxCatalogBytes } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { isSha256 } from "../core/sha256.ts";
import type { RepositorySource } from "../io/repository-source.ts";
import { olderRole } from "./older-role.ts";
import type { TrustBase } from "./refresh.ts";
import {
  catalogTarget,
  maxMetadataBytes,
  parseRole,
  type RepositoryFiles,
  type RoleName,
  verifyRepository,
  verifyRoots,
} from "./repository.ts";

/** As in the client workflow; see `tuf-js` for the figure. */
const maxRootRotations = 256;

/**
 * Takes a repository as it lies there, however old: for a host without a network, whose owner says that
 * this is the newest to be had. Signatures, hashes and versions count as ever; only the time does not.
 *
 * @throws {BangerError} `verification-failed`, also when something of it is older than what is known;
 * `network`, when a file is missing; the signal's reason.
 */
export async function takeExpired(
  { trustedRoot, known }: TrustBase,
  source: RepositorySource,
): Promise<RepositoryFiles> {
  const roots = [...(known?.roots ?? [])];
  let root = verifyRoots(trustedRoot, roots);
  for (let turn = 0; turn < maxRootRotations; turn++) {
    const next = `metadata/${root.signed.version + 1}.root.json`;
    const bytes = await source.read(next, maxMetadataBytes.root);
    if (bytes === undefined) break;
    roots.push(bytes);
    root = verifyRoots(trustedRoot, roots);
  }
  const { consistentSnapshot } = root.signed;
  const versioned = (role: RoleName, version: number): string =>
    `metadata/${consistentSnapshot ? `${version}.` : ""}${role}.json`;
  const timestamp = await take(source, "metadata/timestamp.json", maxMetadataBytes.timestamp);
  const { version } = parseRole.timestamp(timestamp).signed.snapshotMeta;
  const snapshot = await take(source, versioned("snapshot", version), maxMetadataBytes.snapshot);
  const meta = parseRole.snapshot(snapshot).signed.meta["targets.json"];
  const targets = await take(
    source,
    versioned("targets", meta?.version ?? 0),
    maxMetadataBytes.targets,
  );
  const target = parseRole.targets(targets).signed.targets[catalogTarget];
  const hash = target?.hashes["sha256"] ?? "";
  // Nothing is verified yet, and this becomes a path.
  if (!isSha256(hash)) {
    throw new BangerError("verification-failed", `${source.label} names no ${catalogTarget}`);
  }
  const prefix = consistentSnapshot ? `${hash}.` : "";
  const catalog = await take(source, `targets/${prefix}${catalogTarget}`, maxCatalogBytes);
  const files: RepositoryFiles = { roots, timestamp, snapshot, targets, catalog };
  verifyRepository(trustedRoot, files);
  if (known !== undefined) refuseOlder(trustedRoot, known, files, source.label);
  return files;
}

async function take(source: RepositorySource, file: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = await source.read(file, maxBytes);
  if (bytes !== undefined) return bytes;
  throw new BangerError("network", `${source.label} has no ${file}`, {
    hint: "a signed catalog has the folders metadata and targets there",
  });
}

function refuseOlder(
  trustedRoot: Uint8Array,
  known: RepositoryFiles,
  files: RepositoryFiles,
  label: string,
): void {
  const older = olderRole(trustedRoot, known, files);
  if (older === undefined) return;
  const { role, version, knownVersion } = older;
  throw new BangerError(
    "verification-failed",
    `the catalog of ${label} is older than the one that is here: ${role}.json has version ${version}, known is ${knownVersion}`,
    { hint: "nothing was changed: the catalog that is here stays in use" },
  );
}
