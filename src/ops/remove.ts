import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import type { KernelStore } from "../store/kernel-store.ts";
import type { Transaction } from "../store/transaction.ts";
import { change, type Context } from "./context.ts";
import { withWayTo } from "./find-kernel.ts";

export interface RemoveResult {
  /** As a reference has it. */
  readonly name: string;
  readonly arch: string;
  /** Images that needed the kernel, when it was removed all the same. */
  readonly images: readonly string[];
}

/**
 * Removes an installed kernel and the builds of it that are kept.
 *
 * @param force also when images need it; builds that they hold on to are kept then.
 * @throws {BangerError} `not-found`; `refused`, naming the images; `busy`; `io`.
 */
export async function removeKernel(
  context: Context,
  store: KernelStore,
  reference: Reference,
  force: boolean,
): Promise<RemoveResult> {
  const { name, arch, build } = reference;
  if (build !== undefined) {
    throw new BangerError(
      "usage",
      "rm takes a name without @: it removes every build of a kernel",
      {
        hint: "builds that nothing needs are removed by: banger kernel gc",
      },
    );
  }
  const label = store.labelOf(name);
  const work = (transaction: Transaction): RemoveResult => {
    if (store.current(name, arch) === undefined) store.find(reference);
    transaction.pins.sweep(context.environment.stateDir, store.catalog);
    const images = transaction.pins.of(name, arch).map((pin) => pin.image);
    if (images.length > 0 && !force) {
      throw new BangerError(
        "refused",
        `${label} is needed by ${images.length === 1 ? "the image" : "the images"} ${images.join(", ")}`,
        {
          hint: `remove ${images.length === 1 ? "it" : "them"} first: banger image rm ${images.join(" ")}; or: banger kernel rm --force ${label}`,
        },
      );
    }
    transaction.removeSlot(store.slotOf(name, arch));
    return { name: label, arch, images };
  };
  return withWayTo(context, store, reference, () =>
    change(context, store, `removing ${label}`, work),
  );
}
