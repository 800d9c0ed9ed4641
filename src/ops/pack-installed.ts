import { findEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { compareVersions, kernelLine, type KernelVersion } from "../core/kernel-version.ts";
import { manifestFileName } from "../core/manifest.ts";
import type { Reference } from "../core/reference.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import { readForEdit } from "./catalog-edit.ts";
import { type Context, openStore } from "./context.ts";
import { findKernel } from "./find-kernel.ts";
import { holdKernel } from "./hold-kernel.ts";
import { packBundle, type PackedBundle } from "./pack-bundle.ts";
import { verify } from "./verify.ts";

/** Which installed kernel to pack, and how the catalog is to call it. */
export interface PackInstalledInput {
  readonly reference: Reference;
  readonly description: string;
  /** When the catalog is to call it otherwise than the store does. */
  readonly kernelVersion?: KernelVersion | undefined;
  readonly catalogFile: string;
  readonly baseUrl: string;
  /** Also when the catalog has a newer kernel. */
  readonly allowOlder: boolean;
}

/** A tarball that was packed out of the store. */
export interface InstalledBundle extends PackedBundle {
  readonly kernel: InstalledKernel;
}

/**
 * Packs an installed kernel, once every byte of it is as its manifest says.
 *
 * @param out the folder that the tarball goes into.
 * @throws {BangerError} `not-found`; `usage`; `refused`, when the catalog has a newer kernel;
 * `verification-failed`, when the kernel is damaged; `busy`; `bad-catalog`, `bad-state`, `io`, `no-space`.
 */
export async function packInstalled(
  context: Context,
  input: PackInstalledInput,
  out: string,
): Promise<InstalledBundle> {
  if (input.description.trim() === "") throw new BangerError("usage", "--description is empty");
  const store = await openStore(context, "read");
  const kernel = await findKernel(context, store, input.reference);
  const kernelVersion = input.kernelVersion ?? kernel.manifest.kernel_version;
  requireName(kernel, kernelVersion);
  refuseOlder(input, kernelVersion, kernel);
  const { name, arch, manifest } = kernel;
  using _held = holdKernel(kernel);
  context.report({ kind: "stage", name, stage: "verify" });
  const { findings } = await verify(context, kernel);
  if (findings.length > 0) {
    const list = findings.map(({ path: file, problem }) => `${file} (${problem})`).join(", ");
    throw new BangerError("verification-failed", `${name} (${arch}) is damaged: ${list}`, {
      hint: "import or pull it again; only what is as its manifest says is published",
    });
  }
  context.report({ kind: "publish", name, step: "pack", where: out });
  const packed = await packBundle({
    signal: context.signal,
    from: kernel.treeDirectory,
    leaveOut: [manifestFileName],
    out,
    name,
    arch,
    kernelVersion,
    distro: manifest.distro,
    description: input.description,
    baseUrl: input.baseUrl,
  });
  context.signal.throwIfAborted();
  return { ...packed, kernel };
}

function requireName({ name, manifest }: InstalledKernel, version: KernelVersion): void {
  const line = `${manifest.distro}-${kernelLine(version)}`;
  if (name === line) return;
  throw new BangerError(
    "usage",
    `${name} is ${manifest.distro}'s Linux ${version}: its name must be ${line}`,
    {
      hint: `import it by that name: banger kernel import ${line} --from … --distro ${manifest.distro}`,
    },
  );
}

function refuseOlder(
  input: PackInstalledInput,
  version: KernelVersion,
  kernel: InstalledKernel,
): void {
  const { catalog } = readForEdit(input.catalogFile, input.baseUrl);
  const old = findEntry(catalog, kernel.name, kernel.arch);
  if (old === undefined || input.allowOlder) return;
  if (compareVersions(version, old.kernel_version) >= 0) return;
  throw new BangerError(
    "refused",
    `the catalog has ${kernel.name} (${kernel.arch}) ${old.kernel_version}, which is newer than ${version}`,
    { hint: "to go back for everybody: --allow-older" },
  );
}
