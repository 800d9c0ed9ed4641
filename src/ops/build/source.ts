import path from "node:path";
import type { KernelVersion } from "../../core/kernel-version.ts";
import type { SourceTrust } from "../../core/source-trust.ts";
import type { Context } from "../context.ts";
import { whileFetching } from "./lock.ts";
import { type MirroredSource, obtainMirrored } from "./mirrored-source.ts";
import type { ReleaseKeys } from "./release-keys.ts";
import { type KernelOrg, kernelOrg, obtainSigned } from "./signed-source.ts";
import { prepareCache, sourceCacheAt, sweepTrees } from "./source-cache.ts";
import type { WantedSource } from "./source-tree.ts";
import type { Tarball } from "./tarball.ts";

/** Which source to get. */
export interface SourceInput extends WantedSource {
  /** Undefined: from kernel.org, by its signature. */
  readonly mirrored: MirroredSource | undefined;
}

/** The source of a kernel, unpacked, and why it is trusted. */
export interface KernelSource {
  /** From the Makefile of the tree. */
  readonly version: KernelVersion;
  /** Absolute; not to be written to. */
  readonly tree: string;
  /** Seconds since 1970: when the top Makefile was last changed, as the archive says. */
  readonly sourceDateEpoch: number;
  readonly trust: SourceTrust;
  readonly tarball: Tarball;
}

/**
 * Gets the source of a kernel: the newest release of the line from kernel.org unless told otherwise,
 * signed by one of the keys; or a tarball from anywhere, of a hash that was named. Only bytes that were
 * verified are unpacked, from the file that was verified. What the cache has is not fetched again, but
 * is verified again.
 *
 * @param cache a folder; see {@link sourceCacheAt} for what it holds.
 * @param keys whose signatures count.
 * @param origin for tests, which have a kernel.org of their own.
 * @throws {BangerError} `verification-failed`, when signature, hash or version are not as they must be;
 * `unsafe-archive`; `not-found`, when there is no such release or file; `usage`; `failed`, when a
 * program is missing; `network`, `timeout`, `io`, `no-space`; the signal's reason. No tree is then left
 * that was not there, and what was downloaded so far is for the next run.
 */
export async function obtainSource(
  context: Context,
  cache: string,
  keys: ReleaseKeys,
  input: SourceInput,
  origin: KernelOrg = kernelOrg,
): Promise<KernelSource> {
  return whileFetching(context, cache, "sources", async () => {
    const folders = sourceCacheAt(path.resolve(cache));
    prepareCache(folders);
    sweepTrees(folders);
    const { mirrored, line, version } = input;
    const wanted = { line, version };
    if (mirrored !== undefined) {
      const found = await obtainMirrored(context, folders, mirrored, wanted);
      return { ...found, trust: { kind: "hash" } };
    }
    const { signer, ...found } = await obtainSigned(context, folders, keys, wanted, origin);
    const { holder, fingerprint } = signer;
    return { ...found, trust: { kind: "signature", holder, fingerprint } };
  });
}
