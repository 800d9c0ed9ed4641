import type { Arch } from "../../core/arch.ts";
import type { Catalog, CatalogEntry } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import type { KernelName } from "../../core/kernel-name.ts";
import { isMirrorKey } from "../../core/mirror-names.ts";
import { nearest } from "../../core/nearest.ts";
import { objectsOf, type PublicObject } from "../public-object.ts";

/** Entries of which a mirror shall have the tarballs. */
export interface WantedEntries {
  readonly name: KernelName;
  /** Undefined: all. */
  readonly arch: Arch | undefined;
}

/** A tarball or a sidecar that a mirror shall have. */
export interface WantedFile extends PublicObject {
  /** The entry: `NAME:ARCH`. */
  readonly entry: string;
  readonly kind: "tarball" | "sidecar";
}

/**
 * The entries that are meant, in the order of the catalog.
 *
 * @param wanted undefined: all.
 * @throws {BangerError} `not-found`
 */
export function wantedEntries(
  catalog: Catalog,
  wanted: readonly WantedEntries[] | undefined,
): readonly CatalogEntry[] {
  if (wanted === undefined) return catalog.entries;
  const isMeant = (entry: CatalogEntry, { name, arch }: WantedEntries): boolean =>
    entry.name === name && (arch === undefined || entry.arch === arch);
  for (const one of wanted) {
    if (catalog.entries.some((entry) => isMeant(entry, one))) continue;
    const { name, arch } = one;
    const names = catalog.entries.map((entry) => entry.name).filter((each) => each !== name);
    const meant = nearest(name, names);
    const forArch = arch === undefined ? "" : ` for ${arch}`;
    throw new BangerError("not-found", `the catalog has no kernel ${name}${forArch}`, {
      hint:
        meant === undefined
          ? "see what there is: banger kernel list --available --all-arch"
          : `did you mean ${meant}?`,
    });
  }
  return catalog.entries.filter((entry) => wanted.some((one) => isMeant(entry, one)));
}

/**
 * The files of entries, each once.
 *
 * @throws {BangerError} `bad-catalog`, when two have one name, or a name that has another meaning in a
 * mirror.
 */
export function filesOf(entries: readonly CatalogEntry[]): readonly WantedFile[] {
  const files = new Map<string, WantedFile>();
  for (const entry of entries) {
    for (const [index, object] of objectsOf(entry).entries()) {
      const { key, sha256 } = object;
      const before = files.get(key);
      if (!isMirrorKey(key) || (before !== undefined && before.sha256 !== sha256)) {
        const why = before === undefined ? "has a meaning of its own there" : "is that of two";
        throw new BangerError(
          "bad-catalog",
          `cannot mirror ${entry.name} (${entry.arch}): the file name ${key} ${why}`,
        );
      }
      const label = `${entry.name}:${entry.arch}`;
      files.set(key, { ...object, entry: label, kind: index === 0 ? "tarball" : "sidecar" });
    }
  }
  return [...files.values()];
}
