import path from "node:path";
import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { BangerError } from "../../core/errors.ts";
import { listNames, makeFolder, removeFile, replaceFile } from "../../io/files.ts";
import { folderSource, type RepositorySource } from "../../io/repository-source.ts";
import {
  type AnyMetadata,
  factsOf,
  maxMetadataBytes,
  parseRole,
  type RoleName,
  verifyRoots,
} from "../../trust/repository.ts";

/** Metadata as it lies in a folder. */
export interface MetadataFile<Kind extends Root | Targets | Snapshot | Timestamp> {
  /** Its path in the trust folder, as in the published repository. */
  readonly file: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly metadata: Metadata<Kind>;
}

/**
 * A repository in the making: what is published of it, and what waits for signatures. Nothing of it is
 * trusted but by signatures; the oldest root is the one to begin from.
 */
export interface TrustFolder {
  /** Absolute. */
  readonly folder: string;
  /** The roots that enough people have signed, oldest first. */
  readonly roots: readonly MetadataFile<Root>[];
  /** The one after them, if it waits for signatures. */
  readonly pendingRoot: MetadataFile<Root> | undefined;
  /** The newest that enough people had signed by any of the roots: it may be published. */
  readonly signedTargets: MetadataFile<Targets> | undefined;
  /** The newest of each, whoever has signed it. */
  readonly targets: MetadataFile<Targets> | undefined;
  readonly snapshot: MetadataFile<Snapshot> | undefined;
  readonly timestamp: MetadataFile<Timestamp> | undefined;
}

/** The newest root that enough people have signed; builds embed it. */
export const rootCopy = "root.json";
export const timestampFile = "metadata/timestamp.json";

/** Where metadata of a version lies. */
export function metadataFile(role: "root" | "targets" | "snapshot", version: number): string {
  return `metadata/${version}.${role}.json`;
}

/**
 * Reads a trust folder; one that does not exist is empty.
 *
 * @throws {BangerError} `verification-failed`, when a file is no metadata, or has another version than
 * its name says, or a root is not vouched for by the one before; `io`.
 */
export async function readTrustFolder(folder: string): Promise<TrustFolder> {
  const source = folderSource(folder);
  const names = listNames(path.join(folder, "metadata"));
  const versionsOf = (role: "root" | "targets" | "snapshot"): number[] =>
    names
      .flatMap((name) => new RegExp(`^([1-9]\\d{0,14})\\.${role}\\.json$`).exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  const all: MetadataFile<Root>[] = [];
  for (const version of versionsOf("root")) {
    all.push(
      await readFile(source, "root", metadataFile("root", version), version, parseRole.root),
    );
  }
  const targets: MetadataFile<Targets>[] = [];
  for (const version of versionsOf("targets")) {
    const file = metadataFile("targets", version);
    targets.push(await readFile(source, "targets", file, version, parseRole.targets));
  }
  const snapshot = versionsOf("snapshot").at(-1);
  const { roots, pendingRoot } = splitRoots(all);
  return {
    folder: path.resolve(folder),
    roots,
    pendingRoot,
    signedTargets: targets.findLast(({ metadata }) => isSignedBy(roots, "targets", metadata)),
    targets: targets.at(-1),
    snapshot:
      snapshot === undefined
        ? undefined
        : await readFile(
            source,
            "snapshot",
            metadataFile("snapshot", snapshot),
            snapshot,
            parseRole.snapshot,
          ),
    timestamp: names.includes("timestamp.json")
      ? await readFile(source, "timestamp", timestampFile, undefined, parseRole.timestamp)
      : undefined,
  };
}

/** Hosts take no larger files, so there is no use in larger ones here. */
async function readFile<Kind extends Root | Targets | Snapshot | Timestamp>(
  source: RepositorySource,
  role: RoleName,
  file: string,
  version: number | undefined,
  parse: (bytes: Uint8Array) => Metadata<Kind>,
): Promise<MetadataFile<Kind>> {
  const bytes = await source.read(file, maxMetadataBytes[role]);
  if (bytes === undefined) throw new BangerError("io", `${source.label}/${file} is gone`);
  const metadata = parse(bytes);
  const found = metadata.signed.version;
  if (version === undefined || found === version) return { file, version: found, bytes, metadata };
  throw new BangerError(
    "verification-failed",
    `${source.label}/${file}: its version is ${found}, its name says ${version}`,
  );
}

/** Whether enough keys have signed by any of the roots. */
export function isSignedBy(
  roots: readonly MetadataFile<Root>[],
  role: RoleName,
  metadata: AnyMetadata,
): boolean {
  return roots.some((root) => {
    const { keys, threshold } = factsOf(role, root.metadata, metadata);
    return keys.filter(({ signed }) => signed).length >= threshold;
  });
}

/** Only the last of them may lack signatures. */
function splitRoots(
  all: readonly MetadataFile<Root>[],
): Pick<TrustFolder, "roots" | "pendingRoot"> {
  const [first, ...others] = all;
  const last = all.at(-1);
  if (first === undefined || last === undefined) return { roots: [], pendingRoot: undefined };
  const bytesOf = (roots: readonly MetadataFile<Root>[]): Uint8Array[] =>
    roots.map(({ bytes }) => bytes);
  try {
    verifyRoots(first.bytes, bytesOf(others));
    return { roots: all, pendingRoot: undefined };
  } catch (error) {
    const before = all.slice(0, -1);
    const previous = before.at(-1);
    if (previous !== undefined) {
      verifyRoots(first.bytes, bytesOf(before.slice(1)));
      if (last.version !== previous.version + 1) throw error;
    }
    return { roots: before, pendingRoot: last };
  }
}

/** The newest root that enough people have signed. @throws {BangerError} `failed` */
export function requireRoot({ folder, roots, pendingRoot }: TrustFolder): MetadataFile<Root> {
  const root = roots.at(-1);
  if (root !== undefined) return root;
  throw new BangerError(
    "failed",
    pendingRoot === undefined
      ? `there is no root of trust in ${folder}`
      : `${pendingRoot.file} in ${folder} is not signed by enough people yet`,
    {
      hint:
        pendingRoot === undefined
          ? "docs/key-ceremony.md walks through making one"
          : "each holder of a root key: scripts/banger-maint trust sign --key FILE",
    },
  );
}

/** The targets metadata and the catalogs that lie in a folder, by their paths in it. @throws {BangerError} `io` */
export function listTargets(folder: string): string[] {
  const metadata = listNames(path.join(folder, "metadata")).filter((name) =>
    /^\d+\.targets\.json$/.test(name),
  );
  const catalogs = listNames(path.join(folder, "targets")).filter((name) =>
    /^[0-9a-f]{64}\.catalog\.json$/.test(name),
  );
  return [
    ...metadata.map((name) => `metadata/${name}`),
    ...catalogs.map((name) => `targets/${name}`),
  ];
}

/** Writes a file of the folder, and the folders it is in. @throws {BangerError} `io`, `no-space` */
export function putTrustFile(folder: string, file: string, bytes: Uint8Array): void {
  const place = path.join(folder, file);
  makeFolder(path.dirname(place));
  replaceFile(place, bytes);
}

/** Takes a file of the folder away. @throws {BangerError} `io` */
export function removeTrustFile(folder: string, file: string): void {
  removeFile(path.join(folder, file));
}
