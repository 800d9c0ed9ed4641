import { bootKind, bootWords } from "./boot-proof.ts";
import { bundleNames } from "./bundle-tree.ts";
import type { CatalogEntry } from "./catalog.ts";
import { fileDigest, type Manifest } from "./manifest.ts";
import type { BuildFacts, BuildInput } from "./provenance.ts";
import type { ListedKey } from "./release-keys.ts";
import type { Sha256 } from "./sha256.ts";

/**
 * What became of a link. `verified`: it was checked here and now, against what the detail names.
 * `stated`: somebody says so, and nothing that is here can check it. `missing`: it is not there.
 * `failed`: it is contradicted.
 */
export type LinkStatus = "verified" | "stated" | "missing" | "failed";

/** The links, from the one that vouches for all others on. */
export type LinkName =
  | "catalog"
  | "tarball"
  | "manifest"
  | "vmlinux"
  | "provenance"
  | "source"
  | "boot";

/** One link of the chain from a catalog to what a kernel was built from. */
export interface ChainLink {
  readonly link: LinkName;
  readonly status: LinkStatus;
  /** One line for people. */
  readonly detail: string;
}

/** Why the catalog that counts is believed. */
export type Voucher =
  /** The trusted root vouches for these keys, and so many of them have signed it. */
  | {
      readonly kind: "signed";
      readonly signatures: number;
      readonly threshold: number;
      /** When the first of its signatures ran out, RFC 3339; undefined: none has. */
      readonly expired: string | undefined;
    }
  /** It is compiled in. */
  | { readonly kind: "embedded" }
  /** A user named a file. */
  | { readonly kind: "file"; readonly file: string }
  /** What an update brought is there and does not verify. */
  | { readonly kind: "unsound"; readonly reason: string };

/** All that is looked at to judge the chain of an installed kernel. */
export interface ChainFacts {
  readonly manifest: Manifest;
  /** How the kernel differs from its manifest: paths and what is wrong with them. */
  readonly findings: readonly { readonly path: string; readonly problem: string }[];
  /** Of the regular files at the top of the kernel, as they are now, by name. */
  readonly digests: ReadonlyMap<string, Sha256>;
  readonly serial: number;
  readonly voucher: Voucher;
  /** What that catalog has under the name and architecture of the kernel. */
  readonly entry: CatalogEntry | undefined;
  /** What the kernel's provenance.json says; `foreign`: in another form than banger's. */
  readonly origin:
    | { readonly facts: BuildFacts; readonly source: BuildInput }
    | "foreign"
    | undefined;
  /** Whose signature of a source counts. */
  readonly releaseKeys: readonly ListedKey[];
}

/**
 * Judges each link by itself: a link is worth no more than those before it.
 *
 * @returns one link of each name, in order.
 */
export function judgeChain(facts: ChainFacts): readonly ChainLink[] {
  const provenance = provenanceLink(facts);
  return [
    catalogLink(facts),
    tarballLink(facts),
    manifestLink(facts),
    vmlinuxLink(facts),
    provenance,
    sourceLink(facts, provenance.status),
    bootLink(facts),
  ];
}

/** Whether the catalog names the tarball that the kernel says it is from. */
function namesTarball({ entry, manifest }: ChainFacts): boolean {
  return entry !== undefined && entry.tarball_sha256 === manifest.tarball_sha256;
}

/** Whether the catalog names the very bytes of the kernel. */
function namesVmlinux({ entry, digests }: ChainFacts): boolean {
  const found = digests.get(bundleNames.kernel);
  return found !== undefined && entry?.vmlinux_sha256 === found;
}

function catalogLink(facts: ChainFacts): ChainLink {
  const { voucher, serial } = facts;
  const link = "catalog";
  if (voucher.kind === "unsound") return { link, status: "failed", detail: voucher.reason };
  if (!namesTarball(facts) && !namesVmlinux(facts)) {
    return { link, status: "missing", detail: unnamed(facts) };
  }
  if (voucher.kind === "file") {
    const detail = `catalog ${serial} is the file ${voucher.file}: nobody has signed it`;
    return { link, status: "missing", detail };
  }
  if (voucher.kind === "embedded") {
    const detail = `catalog ${serial} is within this banger, and as good as the executable: no signature was looked at`;
    return { link, status: "stated", detail };
  }
  const { signatures, threshold, expired } = voucher;
  const age =
    expired === undefined ? "" : `; its time ended on ${expired}, there may be a newer one`;
  const detail = `catalog ${serial} is signed by ${signatures} of the keys that the root of trust leads to, ${threshold} needed${age}`;
  return { link, status: "verified", detail };
}

/** Why the catalog vouches for nothing of this kernel. */
function unnamed({ entry, manifest, serial }: ChainFacts): string {
  if (manifest.source !== "catalog") return "it was imported: no catalog speaks of it";
  const { name, arch, catalog_serial } = manifest;
  if (entry === undefined) return `catalog ${serial} has no ${name} for ${arch}`;
  return `catalog ${serial} names another build, Linux ${entry.kernel_version}; this one says that it came from catalog ${catalog_serial ?? "?"}`;
}

function tarballLink(facts: ChainFacts): ChainLink {
  const { tarball_sha256 } = facts.manifest;
  const link = "tarball";
  if (tarball_sha256 === undefined) {
    const detail = "it was imported, not unpacked from the tarball of a catalog";
    return { link, status: "missing", detail };
  }
  if (!namesTarball(facts)) {
    const detail = `the manifest names sha256 ${tarball_sha256}, the catalog does not`;
    return { link, status: "missing", detail };
  }
  const detail = `manifest and catalog name sha256 ${tarball_sha256}; the tarball was hashed when it was installed, and is not kept`;
  return { link, status: "stated", detail };
}

function manifestLink({ manifest, findings }: ChainFacts): ChainLink {
  const link = "manifest";
  if (findings.length > 0) {
    const list = findings.map(({ path, problem }) => `${path} (${problem})`).join(", ");
    return { link, status: "failed", detail: `it does not describe what is here: ${list}` };
  }
  const count = manifest.files.length;
  const files = count === 1 ? "its 1 file is" : `all of its ${count} files are`;
  const detail = `${files} as it says; it was written at the installation, and who can write here can rewrite it`;
  return { link, status: "verified", detail };
}

function vmlinuxLink(facts: ChainFacts): ChainLink {
  const { digests, entry, serial } = facts;
  const link = "vmlinux";
  const found = digests.get(bundleNames.kernel);
  if (found === undefined) return { link, status: "failed", detail: "it is not there" };
  if (namesVmlinux(facts)) {
    return { link, status: "verified", detail: `catalog ${serial} names its sha256 ${found}` };
  }
  if (!namesTarball(facts)) {
    const detail = "no catalog names its hash: the manifest alone says what it was";
    return { link, status: "missing", detail };
  }
  const wanted = entry?.vmlinux_sha256;
  if (wanted === undefined) {
    const detail = `catalog ${serial} does not name its hash: the manifest alone says what it was`;
    return { link, status: "missing", detail };
  }
  const detail = `its sha256 is ${found}, catalog ${serial} names ${wanted}`;
  return { link, status: "failed", detail };
}

function provenanceLink(facts: ChainFacts): ChainLink {
  const { manifest, digests, origin } = facts;
  const link = "provenance";
  const file = bundleNames.provenance;
  const listed = fileDigest(manifest, file);
  const found = digests.get(file);
  if (listed === undefined && found === undefined) {
    return { link, status: "missing", detail: `the kernel has no ${file}` };
  }
  if (listed !== found || origin === undefined) {
    return { link, status: "failed", detail: `${file} is not the one that was installed` };
  }
  if (origin === "foreign") {
    const detail = `${file} is in another form than banger's: nothing of it was looked at`;
    return { link, status: "stated", detail };
  }
  const contradiction = contradictionOf(facts, origin.facts);
  if (contradiction !== undefined) return { link, status: "failed", detail: contradiction };
  const subjects = Object.keys(origin.facts.outputs).join(" and ");
  const detail = `banger ${origin.facts.builderVersion} says how it built this ${subjects}; nothing signed names the file itself`;
  return { link, status: "stated", detail };
}

/** Where a statement and what is installed cannot both be right. */
function contradictionOf({ manifest, digests }: ChainFacts, facts: BuildFacts): string | undefined {
  const file = bundleNames.provenance;
  if (facts.outputs[bundleNames.kernel] === undefined) return `${file} does not speak of a vmlinux`;
  if (facts.arch !== manifest.arch) return `${file} speaks of a kernel for ${facts.arch}`;
  for (const [name, wanted] of Object.entries(facts.outputs)) {
    const found = digests.get(name);
    if (found === wanted) continue;
    return `${file} speaks of another ${name}: sha256 ${wanted}, here is ${found ?? "none"}`;
  }
  return undefined;
}

function sourceLink({ origin, releaseKeys }: ChainFacts, provenance: LinkStatus): ChainLink {
  const link = "source";
  if (origin === undefined || origin === "foreign" || provenance === "failed") {
    const why =
      provenance === "failed" ? "what should tell of it does not hold" : "nothing tells of it";
    return { link, status: "missing", detail: why };
  }
  const { source, facts } = origin;
  const { trust } = facts;
  const what = `${source.name}, sha256 ${source.sha256}`;
  if (trust.kind === "hash") {
    const detail = `${what}: the builder pinned that hash, and looked at nobody's signature`;
    return { link, status: "stated", detail };
  }
  const { holder, fingerprint } = trust;
  const key = releaseKeys.find((listed) => listed.fingerprint === fingerprint);
  if (key?.holder !== holder) {
    const whose =
      key === undefined ? "none of kernel.org's release keys" : `the key of ${key.holder}`;
    const detail = `${what}: said to be signed by ${holder} with ${fingerprint}, which is ${whose}`;
    return { link, status: "failed", detail };
  }
  const detail = `${what}: the builder says that ${holder} has signed it with the release key ${fingerprint}; the signature is not here`;
  return { link, status: "stated", detail };
}

function bootLink(facts: ChainFacts): ChainLink {
  const { entry, digests, serial } = facts;
  const link = "boot";
  if (entry === undefined || !(namesTarball(facts) || namesVmlinux(facts))) {
    return { link, status: "missing", detail: "no catalog speaks of this build" };
  }
  const { boot, sidecars, vmlinux_sha256 } = entry;
  if (boot === undefined) {
    const detail = `catalog ${serial} does not say that it has booted`;
    return { link, status: "missing", detail };
  }
  if (vmlinux_sha256 !== undefined && vmlinux_sha256 !== digests.get(bundleNames.kernel)) {
    const detail = `what catalog ${serial} says to have booted is another vmlinux`;
    return { link, status: "missing", detail };
  }
  const proof = sidecars?.find(({ kind }) => kind === bootKind);
  const where =
    proof === undefined
      ? "the proof is nowhere"
      : `the proof, sha256 ${proof.sha256}, is not fetched from ${proof.url}`;
  const detail = `catalog ${serial} says that it booted in ${bootWords(boot)}; ${where}`;
  return { link, status: "stated", detail };
}
