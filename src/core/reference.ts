import { parseArch, type Arch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import {
  type CatalogName,
  type KernelName,
  parseCatalogName,
  parseKernelName,
} from "./kernel-name.ts";
import { isKernelVersion, type KernelVersion } from "./kernel-version.ts";
import { isSha256, type Sha256 } from "./sha256.ts";
import { shortened } from "./shortened.ts";

/**
 * What a person means by a kernel: `[CATALOG/]NAME[:ARCH][@KERNEL_VERSION|@sha256:HEX]`.
 *
 * Without `@` the name is followed through patch levels; with it one build is meant.
 */
export interface Reference {
  /** Undefined: banger's own. */
  readonly catalog?: CatalogName | undefined;
  readonly name: KernelName;
  readonly arch: Arch;
  readonly build?: BuildSelector | undefined;
}

/** The catalog that comes with banger, and that is meant when a reference names none. */
export const defaultCatalog: CatalogName = parseCatalogName("banger");

/** The part of a reference after `@`: a version, or the SHA-256 of a tarball or of a vmlinux. */
export type BuildSelector =
  | { readonly by: "version"; readonly version: KernelVersion }
  | { readonly by: "sha256"; readonly sha256: Sha256 };

/**
 * Parses a reference.
 *
 * @param text as typed.
 * @param defaultArch the architecture when the reference names none.
 * @throws {BangerError} `usage`, naming the part that is wrong.
 *
 * @example
 * parseReference("generic-6.12:arm64@6.12.117", "x86_64");
 */
export function parseReference(text: string, defaultArch: Arch): Reference {
  const [head, build, ...excess] = text.split("@");
  const [path, archText, ...excessColons] = (head ?? "").split(":");
  if (excess.length > 0 || excessColons.length > 0 || path === undefined) {
    throw malformed(text, "there is more than one : or @ in it");
  }
  const slash = path.indexOf("/");
  const catalog = slash === -1 ? defaultCatalog : parseCatalogName(path.slice(0, slash));
  const name = path.slice(slash + 1);
  const arch = archText === undefined ? defaultArch : parseArch(archText);
  if (arch === undefined) {
    throw malformed(text, `${JSON.stringify(shortened(archText ?? ""))} is not an architecture`);
  }
  const selector = build === undefined ? undefined : parseBuild(text, build);
  return {
    ...(catalog === defaultCatalog ? {} : { catalog }),
    name: parseKernelName(name),
    arch,
    ...(selector ? { build: selector } : {}),
  };
}

function parseBuild(text: string, build: string): BuildSelector {
  if (build.startsWith("sha256:")) {
    const sha256 = build.slice("sha256:".length);
    if (isSha256(sha256)) return { by: "sha256", sha256 };
    throw malformed(text, "sha256: wants 64 lower-case hexadecimal digits");
  }
  if (isKernelVersion(build)) return { by: "version", version: build };
  throw malformed(text, `${JSON.stringify(shortened(build))} is not a kernel version`);
}

function malformed(text: string, reason: string): BangerError {
  return new BangerError(
    "usage",
    `${JSON.stringify(shortened(text))} is not a kernel reference: ${reason}`,
    {
      hint: "a reference is [CATALOG/]NAME[:ARCH][@KERNEL_VERSION|@sha256:HEX], like generic-6.12 or generic-6.12:arm64@6.12.117",
    },
  );
}
