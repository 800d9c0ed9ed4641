import type { Catalog } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { isContentAddressed, mirrorNames } from "../../core/mirror-names.ts";
import { freeBytes, lookAt } from "../../io/files.ts";
import { holderLabel } from "../../io/lock.ts";
import { placeOfFolder, PublicFolder } from "../../io/public-folder.ts";
import type { Context } from "../context.ts";
import { downloadObject } from "../download.ts";
import { refuseOtherMirror, refuseOwnFolder } from "./check-folder.ts";
import { mirrorContent, withoutMirror } from "./content.ts";
import { publishCatalog } from "./publish-catalog.ts";
import { filesOf, type WantedEntries, wantedEntries, type WantedFile } from "./wanted.ts";

export interface MirrorSyncInput {
  /** Made when it is missing. */
  readonly folder: string;
  /** Undefined: all entries. */
  readonly entries: readonly WantedEntries[] | undefined;
  /** False: the catalog that is here, without asking for a newer one. */
  readonly refresh: boolean;
  /** Remove tarballs and sidecars that the catalog does not name any more. */
  readonly prune: boolean;
}

/** What became of one file. */
export interface MirroredFile {
  /** Its path in the folder. */
  readonly key: string;
  readonly kind: WantedFile["kind"] | "catalog" | "checksums" | "metadata";
  readonly result: "present" | "fetched" | "removed";
  readonly sizeBytes: number;
}

export interface MirrorSyncResult {
  /** Its real path. */
  readonly folder: string;
  readonly catalog: Catalog;
  /** How many kernels the folder has the tarballs of. */
  readonly kernels: number;
  /** RFC 3339: from then on hosts refuse what the folder says; undefined when nothing is signed. */
  readonly expires: string | undefined;
  /** In the order in which they were looked at. */
  readonly files: readonly MirroredFile[];
}

/**
 * Makes a folder that any web server can serve as a mirror, or brings it up to date. Whoever reads it
 * meanwhile sees the catalog before or the one after, and every tarball that it names.
 *
 * @throws {BangerError} `refused`, `not-found`, `bad-catalog`, `no-space`, `io`; as `updateCatalog` and
 * {@link downloadObject}; the signal's reason. The folder is then a mirror of what it was before.
 */
export async function syncMirror(
  given: Context,
  input: MirrorSyncInput,
): Promise<MirrorSyncResult> {
  const root = placeOfFolder(input.folder);
  refuseOwnFolder(root, given.environment);
  const context = withoutMirror(given, root);
  const folder = await PublicFolder.hold(root, {
    holder: holderLabel("syncing the mirror"),
    signal: context.signal,
    onWait: (holder) => {
      context.report({ kind: "waiting", name: "mirror", holder });
    },
  });
  try {
    // Under the lock: of two, the one with the older catalog must not be the last to write.
    const content = await mirrorContent(context, input.refresh);
    const entries = wantedEntries(content.catalog, input.entries);
    const wanted = filesOf(entries);
    const named = new Set(filesOf(content.catalog.entries).map(({ key }) => key));
    for (const inner of [mirrorNames.metadata, mirrorNames.targets]) folder.checkInner(inner);
    await refuseOtherMirror(folder, content);
    for (const inner of ["", mirrorNames.metadata, mirrorNames.targets]) folder.sweep(inner);
    const files = await bringFiles(context, folder, wanted);
    const published = await publishCatalog(context, folder, content);
    const removed = input.prune ? prune(folder, named) : [];
    folder.dropParts();
    return {
      folder: root,
      catalog: content.catalog,
      kernels: entries.length,
      expires: content.signed?.kept.roles.map(({ expires }) => expires).sort()[0],
      files: [...files, ...published, ...removed],
    };
  } finally {
    folder.release();
  }
}

/** All that can be had is brought, and then the first failure is thrown. */
async function bringFiles(
  context: Context,
  folder: PublicFolder,
  wanted: readonly WantedFile[],
): Promise<readonly MirroredFile[]> {
  const missing = new Set<WantedFile>();
  for (const file of wanted) {
    if (!(await isThere(context, folder, file))) missing.add(file);
  }
  requireSpace(folder, missing);
  const failures: BangerError[] = [];
  for (const file of missing) {
    const { key, sha256, entry } = file;
    try {
      await folder.bring(key, sha256, (part) =>
        downloadObject(context, { ...file, name: entry }, part),
      );
    } catch (error) {
      if (!(error instanceof BangerError) || context.signal.aborted) throw error;
      if (error.exitCode !== 4 && error.exitCode !== 5) throw error;
      failures.push(error.during(`cannot fetch ${key}`));
    }
  }
  const worst = failures.find(({ exitCode }) => exitCode === 4) ?? failures[0];
  if (worst !== undefined) throw worst;
  return wanted.map((file) => ({
    key: file.key,
    kind: file.kind,
    result: missing.has(file) ? "fetched" : "present",
    sizeBytes: file.sizeBytes,
  }));
}

function isThere(context: Context, folder: PublicFolder, file: WantedFile): Promise<boolean> {
  return folder.has(file.key, file, {
    signal: context.signal,
    onBytes: (doneBytes) => {
      const { entry: name, sizeBytes: totalBytes } = file;
      context.report({ kind: "bytes", name, stage: "verify", doneBytes, totalBytes });
    },
  });
}

function requireSpace(folder: PublicFolder, missing: ReadonlySet<WantedFile>): void {
  let wanted = 0;
  for (const { sha256, sizeBytes } of missing) {
    wanted += Math.max(0, sizeBytes - folder.partBytes(sha256));
  }
  const free = freeBytes(folder.root);
  if (free >= wanted) return;
  throw new BangerError("no-space", `${folder.root} has ${free} bytes free, ${wanted} are needed`, {
    hint: "free some space, or name fewer kernels: --entries NAME",
  });
}

function prune(folder: PublicFolder, named: ReadonlySet<string>): readonly MirroredFile[] {
  const removed: MirroredFile[] = [];
  for (const key of folder.names()) {
    if (!isContentAddressed(key) || named.has(key)) continue;
    const stats = lookAt(folder.at(key));
    if (stats?.isFile() !== true) continue;
    folder.remove(key);
    const kind = key.endsWith(".tar.zst") ? "tarball" : "sidecar";
    removed.push({ key, kind, result: "removed", sizeBytes: stats.size });
  }
  return removed;
}
