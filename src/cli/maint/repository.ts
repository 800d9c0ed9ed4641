import path from "node:path";

/** The checkout that a maintainer's command works on. All paths are absolute. */
export interface Repository {
  readonly version: string;
  readonly root: string;
  readonly catalogFile: string;
  /** Tarballs and sidecars that are kept in the checkout. */
  readonly bundles: string;
  /** One file a kernel line, and the fragments that they name. */
  readonly recipes: string;
  /** The kernel.org release keys. */
  readonly keys: string;
  /** Sources, configurations and objects of builds; may be removed at any time. */
  readonly cache: string;
}

/** The checkout at `root`. */
export function repositoryAt(root: string, version: string): Repository {
  return {
    version,
    root,
    catalogFile: path.join(root, "catalog/catalog.json"),
    bundles: path.join(root, "bundles"),
    recipes: path.join(root, "catalog/recipes"),
    keys: path.join(root, "catalog/upstream-keys"),
    cache: path.join(root, "build/kernel"),
  };
}
