import path from "node:path";
import { bundleNames } from "../core/bundle-tree.ts";
import { BangerError } from "../core/errors.ts";
import { fileDigest } from "../core/manifest.ts";
import {
  type BuildFacts,
  type BuildInput,
  maxProvenanceBytes,
  parseProvenance,
  sourceOf,
} from "../core/provenance.ts";
import { readText } from "../io/files.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";

/** What a kernel says of how it was built. */
export interface Origin {
  readonly source: BuildInput;
  readonly facts: BuildFacts;
}

/**
 * Reads how an installed kernel was built.
 *
 * @returns undefined when it does not tell; `foreign` when it tells in another form than banger's.
 * @throws {BangerError} `io`.
 */
export function originOf(kernel: InstalledKernel): Origin | "foreign" | undefined {
  if (fileDigest(kernel.manifest, bundleNames.provenance) === undefined) return undefined;
  const file = path.join(kernel.treeDirectory, bundleNames.provenance);
  try {
    const text = readText(file, maxProvenanceBytes);
    if (text === undefined) return undefined;
    const facts = parseProvenance(text, file);
    return { facts, source: sourceOf(facts, file) };
  } catch (error) {
    // `bad-state`: it is larger than any that banger writes.
    const isForeign = error instanceof BangerError && ["failed", "bad-state"].includes(error.code);
    if (isForeign) return "foreign";
    throw error;
  }
}
