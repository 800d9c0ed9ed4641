import { type Catalog, findEntry, isOffered } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import type { Reference } from "../core/reference.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import type { Context } from "./context.ts";

/**
 * The installed kernel that a reference means; when there is none, the error says how to get it.
 *
 * @throws {BangerError} `not-found`; `bad-state` when it is damaged.
 */
export function findKernel(
  context: Context,
  store: KernelStore,
  reference: Reference,
): Promise<InstalledKernel> {
  return withWayTo(context, store, reference, () => store.find(reference));
}

/**
 * Runs what looks for an installed kernel; when that is not there, the error says how to get it.
 *
 * @throws what `work` throws.
 */
export async function withWayTo<Result>(
  context: Context,
  store: KernelStore,
  reference: Reference,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "not-found" || error.hint !== undefined) {
      throw error;
    }
    const hint = wayTo(context, await context.catalog(), store, reference);
    throw new BangerError("not-found", error.message, { hint });
  }
}

function wayTo(
  context: Context,
  catalog: Catalog,
  store: KernelStore,
  reference: Reference,
): string {
  const { name, arch } = reference;
  const { hostArch } = context.environment;
  const label = store.labelOf(name);
  const suffix = arch === hostArch ? "" : `:${arch}`;
  const entry = findEntry(catalog, name, arch);
  if (entry?.withdrawn !== undefined) {
    return "the catalog has withdrawn it; see what there is: banger kernel list --available";
  }
  if (entry !== undefined) {
    return `to install it: banger kernel pull ${label}${suffix}`;
  }
  const elsewhere = store.list().find((kernel) => kernel.name === name && kernel.arch !== arch);
  if (elsewhere !== undefined) {
    return `it is installed for ${elsewhere.arch}: ${label}:${elsewhere.arch}`;
  }
  const installed = store.list().map((kernel) => kernel.label);
  const known = catalog.entries.filter(isOffered).map((item) => store.labelOf(item.name));
  const meant = nearest(label, [...installed, ...known]);
  return meant === undefined
    ? "see what is installed: banger kernel list; and what there is: banger kernel list --available"
    : `did you mean ${meant}?`;
}
