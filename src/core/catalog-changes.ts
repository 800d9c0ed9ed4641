import type { Catalog, CatalogEntry } from "./catalog.ts";

/** What became of an entry from one catalog to another. */
export interface EntryChange {
  readonly name: string;
  readonly arch: string;
  readonly change: "added" | "removed" | "changed";
  /** The fields that differ, when it is `changed`. */
  readonly fields: readonly string[];
  /** The kernel's version afterwards, or what it was. */
  readonly kernelVersion: string;
}

/**
 * How one catalog differs from another, entry by entry.
 *
 * @param before undefined: there was none.
 */
export function catalogChanges(before: Catalog | undefined, after: Catalog): EntryChange[] {
  const old = before?.entries ?? [];
  const removed = old
    .filter((entry) => find(after.entries, entry) === undefined)
    .map((entry) => told(entry, "removed"));
  const others = after.entries.flatMap((entry) => {
    const previous = find(old, entry);
    if (previous === undefined) return [told(entry, "added")];
    const fields = differentFields(previous, entry);
    return fields.length === 0 ? [] : [told(entry, "changed", fields)];
  });
  return [...removed, ...others];
}

function told(
  entry: CatalogEntry,
  change: EntryChange["change"],
  fields: readonly string[] = [],
): EntryChange {
  const { name, arch, kernel_version: kernelVersion } = entry;
  return { name, arch, change, fields, kernelVersion };
}

function find(entries: readonly CatalogEntry[], wanted: CatalogEntry): CatalogEntry | undefined {
  return entries.find(({ name, arch }) => name === wanted.name && arch === wanted.arch);
}

function differentFields(before: CatalogEntry, after: CatalogEntry): string[] {
  const [old, next] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...old.keys(), ...next.keys()])]
    .filter((key) => JSON.stringify(old.get(key)) !== JSON.stringify(next.get(key)))
    .sort();
}
