import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import {
  type KernelRelease,
  kernelFolderUrl,
  maxReleasesBytes,
  newestRelease,
  sourceUrls,
} from "../../core/kernel-releases.ts";
import { kernelLine } from "../../core/kernel-version.ts";
import type { ReleaseKey, ReleaseKeys } from "../../core/release-keys.ts";
import type { SignatureRefusal } from "../../core/signature-status.ts";
import { readSignature, verifySignature } from "../../io/gpgv.ts";
import { HeldFile } from "../../io/held-file.ts";
import { decompress } from "../../io/source-archive.ts";
import type { Context } from "../context.ts";
import { fetchLarge, fetchText } from "./fetch-source.ts";
import {
  type Fetched,
  forgetFetched,
  openPart,
  openSource,
  recallFetched,
  rememberFetched,
  type SourceCache,
  sourcePath,
} from "./source-cache.ts";
import { type SourceTree, unpackTree, type WantedSource } from "./source-tree.ts";
import { maxTarballBytes, sourceArchiveOptions, type Tarball } from "./tarball.ts";

/** Where signed kernels come from. */
export interface KernelOrg {
  /** Of `releases.json`. */
  readonly releasesUrl: string;
  /** Of the folder of all kernels. */
  readonly folderUrl: string;
}

/** The one that counts. */
export const kernelOrg: KernelOrg = {
  releasesUrl: "https://www.kernel.org/releases.json",
  folderUrl: kernelFolderUrl,
};

/** A source that one of the release keys has signed. */
export interface SignedSource extends SourceTree {
  readonly tarball: Tarball;
  readonly signer: ReleaseKey;
}

const maxSignatureBytes = 2 ** 14;
const mirrorHint =
  "a source from elsewhere is pinned by its hash: --source FILE|URL --source-sha256 H";

/** Why there is no proof, in words. */
const refusals: Readonly<Record<SignatureRefusal, string>> = {
  "several-signatures": "there are several signatures, expected one",
  "no-signature": "there is no detached signature in it",
  "not-detached": "it is a message or a key, not a detached signature",
  "bad-signature": "the tarball does not hold the bytes that were signed",
  "revoked-key": "the key that signed it is revoked",
  "expired-key": "the key that signed it has expired",
  "expired-signature": "the signature has expired",
  "unknown-key": "none of the release keys has signed it",
  "text-signature": "it signs a text whose line ends may change, not these bytes",
  "weak-hash": "its hash is weaker than SHA-256",
  unclear: "gpgv says something that is not understood",
};

/**
 * Gets a release from kernel.org: the tarball and its signature. What gpgv has found good is unpacked
 * from the very file that it read.
 *
 * @throws {BangerError} `not-found`, when kernel.org has none of the line; and as `obtainSource`.
 */
export async function obtainSigned(
  context: Context,
  cache: SourceCache,
  keys: ReleaseKeys,
  wanted: WantedSource,
  origin: KernelOrg,
): Promise<SignedSource> {
  const release = await findRelease(context, cache, wanted, origin);
  const exact = { line: wanted.line, version: release.version };
  const work = new SignedDownload(context, cache, keys, release.sourceUrl, exact);
  return (await work.again()) ?? (await work.afresh(release.signatureUrl));
}

async function findRelease(
  context: Context,
  cache: SourceCache,
  { line, version }: WantedSource,
  origin: KernelOrg,
): Promise<Pick<KernelRelease, "version" | "sourceUrl" | "signatureUrl">> {
  if (version !== undefined) {
    if (kernelLine(version) !== line) {
      throw new BangerError("usage", `${version} is not of the line ${line}`);
    }
    return { version, ...sourceUrls(version, origin.folderUrl) };
  }
  const url = origin.releasesUrl;
  const wish = { name: "releases.json", url, maxBytes: maxReleasesBytes, hint: mirrorHint };
  const release = newestRelease(await fetchText(context, cache, wish), line, url);
  if (release.isEndOfLife) {
    const text = `kernel.org mends ${line} no more`;
    context.report({ kind: "step", name: `linux-${release.version}`, text });
  }
  return release;
}

/** One tarball of kernel.org on its way to be unpacked. */
class SignedDownload {
  readonly #context: Context;
  readonly #cache: SourceCache;
  readonly #keys: ReleaseKeys;
  readonly #url: string;
  readonly #name: string;
  readonly #wanted: WantedSource;

  constructor(
    context: Context,
    cache: SourceCache,
    keys: ReleaseKeys,
    url: string,
    wanted: WantedSource,
  ) {
    this.#context = context;
    this.#cache = cache;
    this.#keys = keys;
    this.#url = url;
    this.#name = path.posix.basename(url);
    this.#wanted = wanted;
  }

  /** From the cache, its signature verified again. @returns undefined when it is not there, or no good */
  async again(): Promise<SignedSource | undefined> {
    const fetched = recallFetched(this.#cache, this.#name, this.#url);
    if (fetched === undefined) return undefined;
    using tarball = openSource(this.#cache, fetched.sha256);
    if (tarball === undefined) return undefined;
    try {
      return await this.#verifyAndUnpack(tarball, fetched, () => {
        // It is in its place already.
      });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      forgetFetched(this.#cache, this.#name);
      return undefined;
    }
  }

  /** From kernel.org. */
  async afresh(signatureUrl: string): Promise<SignedSource> {
    const hint = mirrorHint;
    const signature = await fetchText(this.#context, this.#cache, {
      name: path.posix.basename(signatureUrl),
      url: signatureUrl,
      maxBytes: maxSignatureBytes,
      hint,
    });
    const [url, name] = [this.#url, this.#name];
    // Before a hundred megabytes are fetched for nothing.
    this.#readSignature(signature);
    const part = openPart(this.#cache, name);
    let isWorthKeeping = true;
    try {
      await fetchLarge(this.#context, part, { name, url, maxBytes: maxTarballBytes, hint });
      const sha256 = part.digest();
      using tarball = HeldFile.again(part.descriptor);
      return await this.#verifyAndUnpack(tarball, { sha256, signature }, () => {
        part.publish(sourcePath(this.#cache, sha256));
        rememberFetched(this.#cache, name, { url, sha256, signature });
      });
    } catch (error) {
      isWorthKeeping = !isRefusal(error);
      throw error;
    } finally {
      if (isWorthKeeping) part.close();
      else part.remove();
    }
  }

  async #verifyAndUnpack(
    tarball: HeldFile,
    { sha256, signature }: Pick<Fetched, "sha256" | "signature">,
    onProven: () => void,
  ): Promise<SignedSource> {
    const [name, url] = [this.#name, this.#url];
    const options = sourceArchiveOptions(this.#context);
    this.#context.report({ kind: "stage", name, stage: "verify" });
    using tar = await decompress(tarball, this.#cache.trees, options);
    const verdict = await verifySignature(this.#keys, this.#readSignature(signature), tar, options);
    if (!verdict.accepted) throw this.#refuse(verdict.reason);
    const signer = this.#keys.find((key) => key.fingerprint === verdict.fingerprint);
    if (signer === undefined) throw this.#refuse("unknown-key");
    onProven();
    this.#context.report({ kind: "stage", name, stage: "unpack" });
    const tree = await unpackTree(this.#cache, sha256, tar, this.#wanted, options);
    return { ...tree, tarball: { name, url, sha256 }, signer };
  }

  #readSignature(signature: string): Uint8Array {
    const read = readSignature(signature);
    if (typeof read === "string") throw this.#refuse(read);
    return read;
  }

  #refuse(reason: SignatureRefusal): BangerError {
    return new BangerError(
      "verification-failed",
      `the signature of ${this.#name} does not count: ${refusals[reason]}`,
      { hint: `nothing was unpacked; ${mirrorHint}` },
    );
  }
}

/** Whether other bytes are needed to do better. */
function isRefusal(error: unknown): boolean {
  return error instanceof BangerError && error.exitCode === 4;
}
