import type { CatalogEntry } from "../core/catalog.ts";
import { findEntry } from "../core/catalog.ts";
import type { FeatureTag } from "../core/feature-tags.ts";
import type { Manifest } from "../core/manifest.ts";
import type { DamagedKernel, InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import type { Context } from "./context.ts";
import { type Notices, noticesOfEntry, noticesOfInstalled } from "./kernel-notices.ts";

/** How an installed kernel stands to the catalog. */
export type Standing = "current" | "outdated" | "newer" | "imported" | "unlisted" | "damaged";

export interface ListedKernel {
  readonly kernel: InstalledKernel | DamagedKernel;
  readonly standing: Standing;
  /** The entry of the catalog with the same name and architecture. */
  readonly entry: CatalogEntry | undefined;
  /** What the catalog has against it. */
  readonly notices: Notices;
}

export interface ListedEntry {
  /** Its name as a reference has it. */
  readonly label: string;
  readonly entry: CatalogEntry;
  /** Undefined when it is not installed. */
  readonly standing: Standing | undefined;
  /** What the catalog has against it. */
  readonly notices: Notices;
  /** What it has against the kernel of that name that is installed; undefined when none is. */
  readonly installed: Notices | undefined;
}

/** All installed kernels, by name. @throws {BangerError} `bad-state`, `bad-catalog`, `io` */
export async function listInstalled(context: Context, store: KernelStore): Promise<ListedKernel[]> {
  const catalog = await context.catalog();
  return store.list().map((kernel) => {
    const entry = findEntry(catalog, kernel.name, kernel.arch);
    const standing = standingOf(kernel, entry, catalog.serial);
    return {
      kernel,
      entry,
      standing,
      notices: noticesOfInstalled(catalog, store.catalog, entry, standing),
    };
  });
}

/** Which entries of the catalog to list. */
export interface ListFilter {
  /** False: only those for this machine. */
  readonly allArch: boolean;
  /** Features that an entry must have. */
  readonly needs: readonly FeatureTag[];
}

/** The entries of the catalog, and which of them are installed. */
export async function listAvailable(
  context: Context,
  store: KernelStore,
  { allArch, needs }: ListFilter,
): Promise<ListedEntry[]> {
  const catalog = await context.catalog();
  return catalog.entries
    .filter((entry) => allArch || entry.arch === context.environment.hostArch)
    .filter(({ features }) => needs.every((need) => features?.includes(need) === true))
    .map((entry) => {
      const kernel = store.current(entry.name, entry.arch);
      const standing = kernel && standingOf(kernel, entry, catalog.serial);
      const installed = standing && noticesOfInstalled(catalog, store.catalog, entry, standing);
      const notices = noticesOfEntry(catalog, store.catalog, entry);
      return { label: store.labelOf(entry.name), entry, standing, notices, installed };
    });
}

/** Installed kernels about which something is to be done. */
export interface OutdatedKernels {
  /** Those that a pull would replace by a newer build. */
  readonly outdated: readonly ListedKernel[];
  /** Those that are withdrawn, or past an end of their line. */
  readonly noticed: readonly ListedKernel[];
}

/** Looks for what is to be replaced. @throws {BangerError} `bad-state`, `bad-catalog`, `io` */
export async function listOutdated(context: Context, store: KernelStore): Promise<OutdatedKernels> {
  const installed = await listInstalled(context, store);
  return {
    outdated: installed.filter(isOutdated),
    noticed: installed.filter(
      ({ notices }) => notices.withdrawn !== undefined || notices.pastEnd.length > 0,
    ),
  };
}

/** Whether a pull would replace it by a newer build, which it does not by a withdrawn one. */
export function isOutdated({ standing, notices }: ListedKernel): boolean {
  return standing === "outdated" && notices.withdrawn === undefined;
}

/** How a kernel stands to the entry of its name and architecture in the catalog of this serial. */
export function standingOf(
  kernel: InstalledKernel | DamagedKernel,
  entry: CatalogEntry | undefined,
  serial: number,
): Standing {
  if ("damage" in kernel) return "damaged";
  const { manifest } = kernel;
  if (manifest.source === "import") return "imported";
  if (entry === undefined) return "unlisted";
  return compareBuilds(manifest, entry, serial);
}

function compareBuilds(manifest: Manifest, entry: CatalogEntry, serial: number): Standing {
  if (manifest.tarball_sha256 === entry.tarball_sha256) return "current";
  return (manifest.catalog_serial ?? 0) > serial ? "newer" : "outdated";
}
