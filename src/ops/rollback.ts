import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import type { Transaction } from "../store/transaction.ts";
import { change, type Context } from "./context.ts";
import { withWayTo } from "./find-kernel.ts";

export interface RollbackResult {
  readonly from: InstalledKernel | undefined;
  readonly to: InstalledKernel;
}

/**
 * Makes the build that a name led to before the current one again. A second rollback undoes it.
 *
 * @throws {BangerError} `not-found`, when no earlier build is kept; `bad-state`; `io`.
 */
export async function rollback(
  context: Context,
  store: KernelStore,
  reference: Reference,
): Promise<RollbackResult> {
  const { name, arch, build } = reference;
  const label = store.labelOf(name);
  if (build !== undefined) {
    throw new BangerError("usage", "rollback takes a name without @", {
      hint: `it goes back to the build before the current one: banger kernel rollback ${label}`,
    });
  }
  const work = (transaction: Transaction): RollbackResult => {
    const current = store.current(name, arch) ?? store.find(reference);
    const previous = store.previous(name, arch);
    if (previous === undefined) {
      throw new BangerError("not-found", `no earlier build of ${label} is kept`, {
        hint: "an earlier build is kept when a pull replaces it",
      });
    }
    if ("damage" in previous) throw previous.damage;
    transaction.swap(previous.slot);
    const to = store.changed(name, arch);
    return { from: "manifest" in current ? current : undefined, to };
  };
  return withWayTo(context, store, reference, () =>
    change(context, store, `rolling back ${label}`, work),
  );
}
