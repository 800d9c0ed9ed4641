import path from "node:path";
import { bundleNames } from "../core/bundle-tree.ts";
import { type CatalogEntry, findEntry } from "../core/catalog.ts";
import { type ChainLink, judgeChain, type Voucher } from "../core/kernel-chain.ts";
import { fileDigest } from "../core/manifest.ts";
import type { ListedKey } from "../core/release-keys.ts";
import type { Sha256 } from "../core/sha256.ts";
import { daysSince } from "../io/clock.ts";
import { hashFile } from "../io/tree-reader.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import type { CatalogStanding } from "./catalog-standing.ts";
import type { Context } from "./context.ts";
import { holdKernel } from "./hold-kernel.ts";
import { originOf } from "./origin.ts";
import { verify, type VerifyResult } from "./verify.ts";

export interface ChainResult extends VerifyResult {
  readonly links: readonly ChainLink[];
}

/** What a chain is judged by. */
export interface ChainBase {
  readonly standing: CatalogStanding;
  /** Whose signature of a source counts. */
  readonly releaseKeys: readonly ListedKey[];
}

/**
 * Reads every byte of an installed kernel, and follows the chain from the catalog to what the kernel was
 * built from, as far as it can be followed without a network.
 *
 * @throws {BangerError} `busy`, when it is being removed; `io`.
 */
export async function verifyChain(
  context: Context,
  { standing, releaseKeys }: ChainBase,
  kernel: InstalledKernel,
): Promise<ChainResult> {
  using _held = holdKernel(kernel);
  const result = await verify(context, kernel);
  const { manifest } = kernel;
  const digests = digestsOf(kernel);
  const { catalog } = standing;
  const entry = findEntry(catalog, kernel.name, kernel.arch);
  const { provenance } = bundleNames;
  const isAsInstalled = digests.get(provenance) === fileDigest(manifest, provenance);
  const links = judgeChain({
    manifest,
    findings: result.findings,
    digests,
    serial: catalog.serial,
    voucher: voucherOf(context, standing, entry),
    entry,
    origin: isAsInstalled ? originOf(kernel) : undefined,
    releaseKeys,
  });
  return { ...result, links };
}

/** Read again, not taken from the manifest: that one is a link of its own. */
function digestsOf({ treeDirectory, manifest }: InstalledKernel): ReadonlyMap<string, Sha256> {
  const digests = new Map<string, Sha256>();
  for (const name of [bundleNames.kernel, bundleNames.config, bundleNames.provenance]) {
    const file = manifest.files.find((item) => item.path === name);
    if (file === undefined) continue;
    const digest = hashFile(path.join(treeDirectory, name), file.size_bytes);
    if (digest !== undefined) digests.set(name, digest);
  }
  return digests;
}

function voucherOf(
  { environment }: Context,
  { catalog, kept, from, fault }: CatalogStanding,
  entry: CatalogEntry | undefined,
): Voucher {
  if (fault !== undefined) return { kind: "unsound", reason: fault.message };
  if (from === "file") return { kind: "file", file: environment.catalogFile ?? "" };
  // A release may have the very catalog that was signed.
  const isSigned =
    kept !== undefined &&
    kept.parsed.serial === catalog.serial &&
    isSame(entry, entry && findEntry(kept.parsed, entry.name, entry.arch));
  const targets = kept?.roles.find(({ role }) => role === "targets");
  if (!isSigned || targets === undefined) return { kind: "embedded" };
  const [expired] = kept.roles
    .map(({ expires }) => expires)
    .filter((expires) => daysSince(expires) >= 0)
    .toSorted();
  const signatures = targets.keys.filter(({ signed }) => signed).length;
  return { kind: "signed", signatures, threshold: targets.threshold, expired };
}

function isSame(a: CatalogEntry | undefined, b: CatalogEntry | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
