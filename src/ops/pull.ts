import {
  findEntry,
  entryMatches,
  isOffered,
  type Catalog,
  type CatalogEntry,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { formatManifest, type Manifest } from "../core/manifest.ts";
import { qualifiedName } from "../core/kernel-name.ts";
import { nearest } from "../core/nearest.ts";
import type { Reference } from "../core/reference.ts";
import { shortDigest } from "../core/sha256.ts";
import { now } from "../io/clock.ts";
import { freeBytes, syncFolder } from "../io/files.ts";
import { FileLock, holderLabel } from "../io/lock.ts";
import { PartFile } from "../io/part-file.ts";
import type { StagedTree } from "../io/staged-tree.ts";
import { prepareDecompressionSoon } from "../io/zstd.ts";
import { isWhole } from "../store/integrity.ts";
import type { DamagedKernel, InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import { prepareDownloads, withStaged } from "../store/transaction.ts";
import { change, type Context } from "./context.ts";
import { download } from "./download.ts";
import { refuseWithdrawn } from "./refuse-withdrawn.ts";
import { unpackBundle } from "./unpack-bundle.ts";

export interface PullOptions {
  /** Fetch again what is installed; replace an import; go back to an older catalog's build. */
  readonly force: boolean;
  /** False: fail with `busy` when somebody else is pulling the same bundle. */
  readonly wait: boolean;
  /** Install also what the catalog has withdrawn. */
  readonly allowWithdrawn: boolean;
}

export interface PullResult {
  readonly entry: CatalogEntry;
  readonly kernel: InstalledKernel;
  /** `current`: nothing had to be done, and the network was not touched. */
  readonly outcome: "current" | "installed" | "updated" | "repaired";
}

type Installed = InstalledKernel | DamagedKernel | undefined;

/**
 * Installs the kernel that the catalog has under a name, or makes sure that it is installed. What the
 * catalog has withdrawn stays where it is installed, and is not installed anew.
 *
 * @throws {BangerError} `not-found`; `refused`; `verification-failed`, `unsafe-archive`; `network`,
 * `timeout`; `busy`; `io`, `no-space`. The kernel that was installed before is then still there.
 */
export async function pull(
  context: Context,
  store: KernelStore,
  reference: Reference,
  options: PullOptions,
): Promise<PullResult> {
  const catalog = await context.catalog();
  const entry = requireEntry(catalog, reference);
  const before = store.current(entry.name, entry.arch);
  if (!options.force && isCurrent(before, entry)) return current(store, entry, before);
  if (!options.allowWithdrawn) refuseWithdrawn(catalog, store.catalog, entry);
  refuseToReplace(store.replaceable(entry.name, entry.arch), entry, catalog, options);

  prepareDownloads(store);
  const findDone = (): InstalledKernel | undefined => {
    const since = store.current(entry.name, entry.arch);
    // The tree that was there is not looked at again: that may mean to read all of it.
    const isNew = since?.tree !== before?.tree;
    return isNew && !options.force && isCurrent(since, entry) ? since : undefined;
  };
  const lockFile = store.layout.bundleLock(entry.tarball_sha256);
  const lock = await FileLock.acquireUnless(findDone, lockFile, {
    holder: holderLabel(`pulling ${store.labelOf(entry.name)}`),
    wait: options.wait,
    signal: context.signal,
    onWait: (holder) => {
      context.report({ kind: "waiting", name: entry.name, holder });
    },
  });
  if (!(lock instanceof FileLock)) return current(store, entry, lock);
  try {
    const since = store.current(entry.name, entry.arch);
    if (!options.force && isCurrent(since, entry)) return current(store, entry, since);
    if (!options.force && isBuild(since, entry)) {
      context.report({ kind: "damaged", name: entry.name });
    }
    return await install(context, store, catalog, entry, options);
  } finally {
    lock.release();
  }
}

/** The entry that a reference means. @throws {BangerError} `not-found` */
export function requireEntry(catalog: Catalog, reference: Reference): CatalogEntry {
  const { name, arch, build } = reference;
  const entry = findEntry(catalog, name, arch);
  const label = qualifiedName(reference.catalog, name);
  const whose =
    reference.catalog === undefined ? "the catalog" : `the catalog ${reference.catalog}`;
  if (entry === undefined) {
    throw new BangerError("not-found", `${whose} has no kernel ${name} for ${arch}`, {
      hint: wayToEntry(catalog, reference),
    });
  }
  if (!entryMatches(entry, build)) {
    throw new BangerError(
      "not-found",
      `${whose} does not have this build of ${name}: it has ${entry.kernel_version}, sha256 ${entry.tarball_sha256}`,
      {
        hint: isOffered(entry)
          ? `without @ you get what the catalog has: banger kernel pull ${label}`
          : "see what there is: banger kernel list --available",
      },
    );
  }
  return entry;
}

function wayToEntry(catalog: Catalog, { catalog: whose, name, arch }: Reference): string {
  if (catalog.serial === 0) {
    return `nothing of it is here: banger catalog update ${whose ?? ""}\nif it was removed: banger catalog add ${whose ?? "NAME"} URL --root FILE`;
  }
  const offered = catalog.entries.filter(isOffered);
  const elsewhere = offered.find((entry) => entry.name === name);
  if (elsewhere !== undefined) {
    return `it has one for ${elsewhere.arch}: banger kernel pull ${qualifiedName(whose, name)}:${elsewhere.arch}`;
  }
  const here = offered.filter((entry) => entry.arch === arch).map((entry) => entry.name);
  const meant = nearest(name, here);
  return meant === undefined
    ? "see what there is: banger kernel list --available --all-arch"
    : `did you mean ${qualifiedName(whose, meant)}?`;
}

function isBuild(installed: Installed, entry: CatalogEntry): installed is InstalledKernel {
  return (
    installed !== undefined &&
    "manifest" in installed &&
    installed.manifest.tarball_sha256 === entry.tarball_sha256
  );
}

function isCurrent(installed: Installed, entry: CatalogEntry): installed is InstalledKernel {
  return isBuild(installed, entry) && isWhole(installed);
}

function current(store: KernelStore, entry: CatalogEntry, kernel: InstalledKernel): PullResult {
  // Whoever installed it may have died before its link was durable; what we report must stay.
  syncFolder(store.layout.root);
  return { entry, kernel, outcome: "current" };
}

function refuseToReplace(
  installed: InstalledKernel | undefined,
  entry: CatalogEntry,
  catalog: Catalog,
  options: PullOptions,
): void {
  if (installed === undefined || options.force) return;
  const { manifest } = installed;
  if (manifest.source === "import") {
    throw new BangerError("refused", `${installed.label} is a kernel that was imported here`, {
      hint: `to replace it with the one of the catalog: banger kernel pull --force ${installed.label}:${entry.arch}`,
    });
  }
  const isOther = manifest.tarball_sha256 !== entry.tarball_sha256;
  if (isOther && (manifest.catalog_serial ?? 0) > catalog.serial) {
    throw new BangerError(
      "refused",
      `${installed.label} ${manifest.kernel_version} came from catalog ${manifest.catalog_serial}, and this banger has the older catalog ${catalog.serial} with ${entry.kernel_version}`,
      { hint: `to go back: banger kernel pull --force ${installed.label}:${entry.arch}` },
    );
  }
}

async function install(
  context: Context,
  store: KernelStore,
  catalog: Catalog,
  entry: CatalogEntry,
  options: PullOptions,
): Promise<PullResult> {
  const part = PartFile.open(store.layout.part(entry.tarball_sha256));
  try {
    requireSpace(store, entry, part.sizeBytes);
    prepareDecompressionSoon();
    await download(context, entry, part);
    return await unpackAndPublish(context, store, catalog, entry, part, options);
  } catch (error) {
    // Wrong bytes are no use to a later run; right ones are, once the disk or the user lets it.
    if (error instanceof BangerError && error.exitCode === 4) part.remove();
    else part.close();
    throw error;
  }
}

async function unpackAndPublish(
  context: Context,
  store: KernelStore,
  catalog: Catalog,
  entry: CatalogEntry,
  part: PartFile,
  options: PullOptions,
): Promise<PullResult> {
  return withStaged(store, async (staged) => {
    context.report({ kind: "stage", name: entry.name, stage: "unpack" });
    await unpackBundle(context, entry, part.descriptor, staged);
    // All of it is in the tree: the disk need not keep the tarball as well.
    part.remove();
    context.report({ kind: "stage", name: entry.name, stage: "install" });
    staged.seal(formatManifest(manifestOf(entry, catalog, staged)));
    return publish(context, store, catalog, entry, staged, options);
  });
}

function requireSpace(store: KernelStore, entry: CatalogEntry, presentBytes: number): void {
  const wanted = entry.size_bytes - presentBytes + entry.unpacked_bytes;
  const free = freeBytes(store.layout.root);
  if (free >= wanted) return;
  throw new BangerError(
    "no-space",
    `${store.layout.root} has ${free} bytes free, ${wanted} are needed`,
    { hint: "free some space (banger kernel gc may help), then run the same command again" },
  );
}

function manifestOf(entry: CatalogEntry, catalog: Catalog, staged: StagedTree): Manifest {
  return {
    version: 1,
    name: entry.name,
    distro: entry.distro,
    arch: entry.arch,
    kernel_version: entry.kernel_version,
    source: "catalog",
    tarball_sha256: entry.tarball_sha256,
    tarball_url: entry.tarball_url,
    catalog_serial: catalog.serial,
    installed_at: now(),
    files: staged.files,
    links: staged.links,
  };
}

function publish(
  context: Context,
  store: KernelStore,
  catalog: Catalog,
  entry: CatalogEntry,
  staged: StagedTree,
  options: PullOptions,
): Promise<PullResult> {
  return change(context, store, `installing ${store.labelOf(entry.name)}`, (transaction) => {
    // Somebody may have imported or pulled another build of that name in the meantime.
    const before = store.current(entry.name, entry.arch);
    refuseToReplace(store.replaceable(entry.name, entry.arch), entry, catalog, options);
    const isSameBuild = isBuild(before, entry);
    const slot = store.slotOf(entry.name, entry.arch);
    const label = shortDigest(entry.tarball_sha256);
    transaction.publish(staged, slot, label, isSameBuild ? "damaged" : "older");
    const kernel = store.changed(entry.name, entry.arch);
    const outcome = before === undefined ? "installed" : isSameBuild ? "repaired" : "updated";
    return { entry, kernel, outcome };
  });
}
