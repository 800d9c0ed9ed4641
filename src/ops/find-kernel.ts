import { findEntry } from "../core/catalog.ts";
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
): InstalledKernel {
  try {
    return store.find(reference);
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "not-found") throw error;
    throw new BangerError("not-found", error.message, { hint: wayTo(context, store, reference) });
  }
}

function wayTo(context: Context, store: KernelStore, reference: Reference): string {
  const { name, arch } = reference;
  const { hostArch } = context.environment;
  const suffix = arch === hostArch ? "" : `:${arch}`;
  if (findEntry(context.catalog(), name, arch) !== undefined) {
    return `to install it: banger kernel pull ${name}${suffix}`;
  }
  const elsewhere = store.list().find((kernel) => kernel.name === name && kernel.arch !== arch);
  if (elsewhere !== undefined) {
    return `it is installed for ${elsewhere.arch}: ${name}:${elsewhere.arch}`;
  }
  const installed = store.list().map((kernel) => kernel.name);
  const known = context.catalog().entries.map((entry) => entry.name);
  const meant = nearest(name, [...installed, ...known]);
  return meant === undefined
    ? "see what is installed: banger kernel list; and what there is: banger kernel list --available"
    : `did you mean ${meant}?`;
}
