import { findEntry, type CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import { Pins } from "../store/pins.ts";
import type { Context } from "./context.ts";
import { findKernel } from "./find-kernel.ts";
import { type Notices, noticesOfEntry, noticesOfInstalled } from "./kernel-notices.ts";
import { standingOf } from "./list.ts";

export interface ShowResult {
  /** Undefined when it is only in the catalog. */
  readonly kernel: InstalledKernel | undefined;
  readonly entry: CatalogEntry | undefined;
  /** What the catalog has against the installed kernel; undefined when it is not. */
  readonly notices: Notices | undefined;
  /** What the catalog has against its entry; undefined when there is none. */
  readonly entryNotices: Notices | undefined;
  /** Names of the images that need the kernel. */
  readonly images: readonly string[];
}

/**
 * What is known of a kernel, installed or not.
 *
 * @throws {BangerError} `not-found`, when neither the store nor the catalog has it.
 */
export async function showKernel(
  context: Context,
  store: KernelStore,
  reference: Reference,
): Promise<ShowResult> {
  const catalog = await context.catalog();
  const entry = findEntry(catalog, reference.name, reference.arch);
  const entryNotices = entry && noticesOfEntry(catalog, store.catalog, entry);
  const images = new Pins(store.layout).of(reference.name, reference.arch).map((pin) => pin.image);
  try {
    const kernel = await findKernel(context, store, reference);
    const standing = standingOf(kernel, entry, catalog.serial);
    const notices = noticesOfInstalled(catalog, store.catalog, entry, standing);
    return { kernel, entry, notices, entryNotices, images };
  } catch (error) {
    const isAbsent = error instanceof BangerError && error.code === "not-found";
    if (!isAbsent || entry === undefined || reference.build !== undefined) throw error;
    return { kernel: undefined, entry, notices: undefined, entryNotices, images };
  }
}
