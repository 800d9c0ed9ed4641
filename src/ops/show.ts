import { findEntry, type CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import { Pins } from "../store/pins.ts";
import type { Context } from "./context.ts";
import { findKernel } from "./find-kernel.ts";

export interface ShowResult {
  /** Undefined when it is only in the catalog. */
  readonly kernel: InstalledKernel | undefined;
  readonly entry: CatalogEntry | undefined;
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
  const entry = findEntry(await context.catalog(), reference.name, reference.arch);
  const images = new Pins(store.layout).of(reference.name, reference.arch).map((pin) => pin.image);
  try {
    return { kernel: await findKernel(context, store, reference), entry, images };
  } catch (error) {
    const isAbsent = error instanceof BangerError && error.code === "not-found";
    if (!isAbsent || entry === undefined || reference.build !== undefined) throw error;
    return { kernel: undefined, entry, images };
  }
}
