import type { Arch } from "../core/arch.ts";
import type { Catalog } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { Context } from "./context.ts";
import { isMissing, objectsOf, type PublicObject, verifyPublic } from "./public-object.ts";

/** How one file of the catalog is found at its public URL. */
export interface CheckedObject extends PublicObject {
  readonly name: string;
  readonly arch: Arch;
  /** `tarball`, or the kind of the sidecar. */
  readonly kind: string;
  /** `wrong`: other bytes. `missing`: the server does not give it. `unreachable`: nobody can tell. */
  readonly status: "ok" | "wrong" | "missing" | "unreachable";
  readonly failure?: BangerError | undefined;
}

/**
 * Downloads every file that the catalog names, each from its URL and from no mirror, and compares it.
 *
 * @throws {BangerError} `usage`, when a proxy variable is wrong; the signal's reason.
 */
export async function checkPublished(
  context: Context,
  catalog: Catalog,
): Promise<readonly CheckedObject[]> {
  const checked: CheckedObject[] = [];
  for (const entry of catalog.entries) {
    const { name, arch, sidecars = [] } = entry;
    const kinds = ["tarball", ...sidecars.map(({ kind }) => kind)];
    for (const [index, object] of objectsOf(entry).entries()) {
      const what = { ...object, name, arch, kind: kinds[index] ?? "sidecar" };
      checked.push({ ...what, ...(await outcome(context, object)) });
    }
  }
  return checked;
}

async function outcome(
  context: Context,
  object: PublicObject,
): Promise<Pick<CheckedObject, "status" | "failure">> {
  try {
    await verifyPublic(context, object, { isPatient: false });
    return { status: "ok" };
  } catch (error) {
    if (!(error instanceof BangerError) || context.signal.aborted) throw error;
    if (error.code === "verification-failed") return { status: "wrong", failure: error };
    if (error.code !== "network" && error.code !== "timeout") throw error;
    return { status: isMissing(error) ? "missing" : "unreachable", failure: error };
  }
}
