/** A sound document of each kind that banger reads. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseCatalogText } from "../../src/core/catalog.ts";
import { catalogText } from "../../src/ops/catalog-text.ts";

const repository = resolve(import.meta.dirname, "../..");
export const fileText = (name: string): string => readFileSync(join(repository, name), "utf8");
export const sha256: string = "0123456789abcdef".repeat(4);
const at = "2026-01-31T12:00:00Z";

export const written = (value: unknown): string => JSON.stringify(value, undefined, 2);

export const manifest: object = {
  version: 1,
  name: "generic-6.12",
  distro: "generic",
  arch: "x86_64",
  kernel_version: "6.12.117",
  source: "catalog",
  tarball_sha256: sha256,
  tarball_url: "https://kernels.invalid/a.tar.zst",
  catalog_serial: 7,
  installed_at: at,
  files: [{ path: "vmlinux", size_bytes: 9, sha256 }],
  links: [{ path: "modules/a", target: "../vmlinux" }],
};
export const image: object = {
  version: 1,
  name: "myimg",
  rootfs: "/srv/rootfs.ext4",
  file_system: "ext4",
  read_only: true,
  kernel: { catalog: "acme", name: "generic-6.12", arch: "arm64", pinned: true },
  boot_args: "console=ttyS0",
  registered_at: at,
};
export const pin: object = {
  version: 1,
  image: "myimg",
  state_dir: "/var/lib/banger",
  kernel: { name: "generic-6.12", arch: "x86_64" },
  tree: sha256,
};
export const times: object = {
  started_at: at,
  finished_at: at,
  host: "here",
  cpus: 2,
  ccache: false,
};
export const build: object = {
  version: 1,
  kind: "build",
  name: "generic-6.12",
  arch: "x86_64",
  kernel_version: "6.12.117",
  tarball_sha256: sha256,
  vmlinux_sha256: sha256,
  provenance_sha256: null,
  published_at: at,
  published_by: "banger 0.1.0",
  built: times,
};
export const releases: object = {
  latest_stable: { version: "6.12.60" },
  releases: ["6.12.60", "6.12.9", "6.1.150", "next-20261127"].map((version) => ({
    version,
    iseol: false,
    source: `https://cdn.kernel.invalid/v6.x/linux-${version}.tar.xz`,
    pgp: `https://cdn.kernel.invalid/v6.x/linux-${version}.tar.sign`,
  })),
};
export const catalogRecord: object = {
  version: 1,
  roots: ["{}"],
  timestamp: "{}",
  snapshot: "{}",
  targets: "{}",
  catalog: "{}",
  source: "https://a.invalid",
  checked_at: at,
};
export const catalogSource: object = {
  version: 1,
  name: "acme",
  place: "https://a.invalid",
  root: "{}",
  added_at: at,
};
/** A catalog with each field that there is. */
export const fullCatalog = (): string => {
  const catalog = parseCatalogText(fileText("catalog/catalog.json"), "it");
  const [first, ...others] = catalog.entries;
  const extended = parseCatalogText(
    JSON.stringify({
      ...catalog,
      entries: [
        {
          ...first,
          features: ["docker"],
          support: { upstream_eol: "2028-12-31" },
          withdrawn: { reason: "it does not boot", since: at, replaced_by: "generic-6.12" },
        },
        ...others,
        { name: "future", arch: "riscv64" },
      ],
    }),
    "it",
  );
  return catalogText(extended);
};

export const bootProofs = (): readonly string[] => [
  fileText("bundles/generic-6.12-x86_64-6d85424f19e5.boot-b1be53dd294e.json"),
  fileText("bundles/generic-6.12-arm64-11cd980b2be9.boot-ea4e11ba5d2b.json"),
];
