import * as v from "valibot";
import { isArch, type Arch } from "./arch.ts";
import { isKernelName, type KernelName } from "./kernel-name.ts";
import { isKernelVersion, type KernelVersion } from "./kernel-version.ts";
import type { BuildSelector } from "./reference.ts";
import type { Sha256 } from "./sha256.ts";
import { sha256Schema } from "./sha256-schema.ts";
import { parseStored } from "./stored-json.ts";

/** A regular file of an installed kernel. */
export interface ManifestFile {
  /** Relative to the kernel's folder, with `/`. */
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: Sha256;
}

/** A symbolic link of an installed kernel; only below `modules/`. */
export interface ManifestLink {
  readonly path: string;
  readonly target: string;
}

/** What was installed, from where, and every byte of it. @see docs/formats/store.md */
export interface Manifest {
  readonly version: 1;
  readonly name: KernelName;
  readonly distro: string;
  readonly arch: Arch;
  readonly kernel_version: KernelVersion;
  readonly source: "catalog" | "import";
  /** Only of kernels from a catalog. */
  readonly tarball_sha256?: Sha256 | undefined;
  /** Only of kernels from a catalog: the URL of the entry, whichever mirror served the bytes. */
  readonly tarball_url?: string | undefined;
  /** Only of kernels from a catalog: the serial of the catalog that named the tarball. */
  readonly catalog_serial?: number | undefined;
  /** RFC 3339, UTC. */
  readonly installed_at: string;
  readonly files: readonly ManifestFile[];
  readonly links: readonly ManifestLink[];
}

/** The name of the manifest within a kernel's folder. */
export const manifestFileName = "manifest.json";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const path = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7e][\x20-\x7e]*$/),
  v.check((value) =>
    value.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
  ),
);

const schema = v.object({
  version: v.literal(1),
  name: v.custom<KernelName>((value) => typeof value === "string" && isKernelName(value)),
  distro: v.string(),
  arch: v.custom<Arch>((value) => typeof value === "string" && isArch(value)),
  kernel_version: v.custom<KernelVersion>(
    (value) => typeof value === "string" && isKernelVersion(value),
  ),
  source: v.picklist(["catalog", "import"]),
  tarball_sha256: v.optional(sha256Schema),
  tarball_url: v.optional(v.string()),
  catalog_serial: v.optional(count),
  installed_at: v.string(),
  files: v.array(v.object({ path, size_bytes: count, sha256: sha256Schema })),
  links: v.array(v.object({ path, target: v.string() })),
});

/**
 * Reads a manifest that banger wrote.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `bad-state`, when it is not a manifest: somebody changed it.
 */
export function parseManifest(json: string, origin: string): Manifest {
  return parseStored(schema, json, origin);
}

/** The manifest as it is written: two-space JSON, files sorted by path, a final newline. */
export function formatManifest(manifest: Manifest): string {
  const sorted = {
    ...manifest,
    files: manifest.files.toSorted(byPath),
    links: manifest.links.toSorted(byPath),
  };
  return `${JSON.stringify(sorted, undefined, 2)}\n`;
}

/** The SHA-256 of one file of the kernel, if it has that file. */
export function fileDigest(manifest: Manifest, filePath: string): Sha256 | undefined {
  return manifest.files.find((file) => file.path === filePath)?.sha256;
}

/** Whether the installed kernel is the build that the reference selects. */
export function manifestMatches(manifest: Manifest, build: BuildSelector | undefined): boolean {
  if (build === undefined) return true;
  if (build.by === "version") return manifest.kernel_version === build.version;
  return (
    manifest.tarball_sha256 === build.sha256 || fileDigest(manifest, "vmlinux") === build.sha256
  );
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}
