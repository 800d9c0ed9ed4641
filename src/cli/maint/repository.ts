import path from "node:path";
import type { GuestFiles, Guests } from "../../boot/guest-files.ts";
import type { Arch } from "../../core/arch.ts";

/** The checkout that a maintainer's command works on. All paths are absolute. */
export interface Repository {
  readonly version: string;
  readonly root: string;
  readonly catalogFile: string;
  /** The signed repository in the making: `root.json`, `metadata/`, `targets/`. */
  readonly trust: string;
  /** Tarballs and sidecars that are kept in the checkout. */
  readonly bundles: string;
  /** One file a kernel line, and the fragments that they name. */
  readonly recipes: string;
  /** Until when each kernel line is kept up. */
  readonly supportFile: string;
  /** The kernel.org release keys. */
  readonly keys: string;
  /** What kernels are booted with. */
  readonly guests: Guests;
  /** Sources, configurations and objects of builds; may be removed at any time. */
  readonly cache: string;
}

/** The checkout at `root`. */
export function repositoryAt(root: string, version: string): Repository {
  return {
    version,
    root,
    catalogFile: path.join(root, "catalog/catalog.json"),
    trust: path.join(root, "catalog/trust"),
    bundles: path.join(root, "bundles"),
    recipes: path.join(root, "catalog/recipes"),
    supportFile: path.join(root, "catalog/support.json"),
    keys: path.join(root, "catalog/upstream-keys"),
    guests: { x86_64: guestAt(root, "x86_64"), arm64: guestAt(root, "arm64") },
    cache: path.join(root, "build/kernel"),
  };
}

function guestAt(root: string, arch: Arch): GuestFiles {
  const file = path.join(root, "guest", arch);
  return { disk: `${file}.ext4`, initramfs: `${file}.cpio` };
}
