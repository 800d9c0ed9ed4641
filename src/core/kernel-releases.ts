import * as v from "valibot";
import { BangerError } from "./errors.ts";
import {
  compareVersions,
  isKernelVersion,
  kernelLine,
  type KernelVersion,
} from "./kernel-version.ts";
import { fieldOf } from "./shortened.ts";

/** A kernel that kernel.org offers as a signed tarball. */
export interface KernelRelease {
  readonly version: KernelVersion;
  /** Of the `.tar.xz`. */
  readonly sourceUrl: string;
  /** Of the `.tar.sign`, a signature over the tar within. */
  readonly signatureUrl: string;
  /** Whether kernel.org mends this line no more. */
  readonly isEndOfLife: boolean;
}

/** No `releases.json` may be larger: 1 MiB. */
export const maxReleasesBytes: number = 2 ** 20;

const httpsUrl = /^https:\/\/[^/?#@\s]+\/[A-Za-z0-9._~+/-]+$/;

const releasesSchema = v.object({
  releases: v.array(
    v.object({
      version: v.string(),
      iseol: v.boolean(),
      source: v.nullable(v.string()),
      pgp: v.nullable(v.string()),
    }),
  ),
});

/**
 * The newest release of a line in the text of kernel.org's `releases.json`. Fields that are not
 * known are passed over, and so is what is no signed tarball: release candidates, linux-next.
 *
 * @param line such as `6.12`.
 * @param origin how errors call the document.
 * @throws {BangerError} `network`, when it is not such a document; `not-found`, when it has nothing
 * of that line.
 * @see https://www.kernel.org/releases.json
 */
export function newestRelease(json: string, line: string, origin: string): KernelRelease {
  const releases = signedReleases(json, origin);
  const [newest] = releases
    .filter(({ version }) => kernelLine(version) === line)
    .toSorted((a, b) => compareVersions(b.version, a.version));
  if (newest !== undefined) return newest;
  const lines = [...new Set(releases.map(({ version }) => kernelLine(version)))];
  throw new BangerError("not-found", `kernel.org has no signed release of the line ${line}`, {
    hint: `it has ${lines.length === 0 ? "none at all" : lines.join(", ")}; a line that it has dropped needs its full version`,
  });
}

function signedReleases(json: string, origin: string): KernelRelease[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BangerError("network", `${origin} is not JSON`, { cause });
  }
  const parsed = v.safeParse(releasesSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = fieldOf(issue, "document");
    throw new BangerError("network", `${origin} is not what kernel.org serves: ${field} is wrong`);
  }
  return parsed.output.releases.flatMap(({ version, iseol, source, pgp }) => {
    if (!isKernelVersion(version) || source === null || pgp === null) return [];
    if (!source.endsWith(".tar.xz") || !pgp.endsWith(".tar.sign")) return [];
    if (!httpsUrl.test(source) || !httpsUrl.test(pgp)) {
      throw new BangerError(
        "network",
        `${origin} names something for ${version} that is no https URL`,
      );
    }
    return [{ version, sourceUrl: source, signatureUrl: pgp, isEndOfLife: iseol }];
  });
}

/** The folder of all kernels on kernel.org. */
export const kernelFolderUrl = "https://cdn.kernel.org/pub/linux/kernel";

/**
 * Where kernel.org keeps the tarball of a version and its signature.
 *
 * @param folderUrl the folder of all kernels, without a slash at its end.
 * @throws {BangerError} `usage`, for versions that never had a tarball signed as releases are.
 */
export function sourceUrls(
  version: KernelVersion,
  folderUrl: string = kernelFolderUrl,
): Pick<KernelRelease, "sourceUrl" | "signatureUrl"> {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?$/.exec(version) ?? [];
  if (major === undefined || minor === undefined || Number(major) < 3) {
    throw new BangerError("usage", `kernel.org has no signed tarball of ${version}`, {
      hint: "name a release like 6.12.60; other sources are pinned by their SHA-256",
    });
  }
  const name = `${major}.${minor}${patch === undefined || Number(patch) === 0 ? "" : `.${patch}`}`;
  const base = `${folderUrl}/v${major}.x/linux-${name}.tar`;
  return { sourceUrl: `${base}.xz`, signatureUrl: `${base}.sign` };
}
