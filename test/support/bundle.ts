/** Bundles as the catalog publishes them, made with the real tar and zstd. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { smallKernel } from "./small-kernel.ts";

/** One entry of `catalog.json`, as written. */
export interface BundleEntry {
  readonly name: string;
  readonly distro: string;
  readonly arch: string;
  readonly kernel_version: string;
  readonly tarball_url: string;
  readonly tarball_sha256: string;
  readonly size_bytes: number;
  readonly unpacked_bytes: number;
  readonly description: string;
}

/** Path in the bundle → contents, or the target of a symlink. Folders come by themselves. */
export type BundleFiles = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

export interface BundleOptions {
  /** Default `generic-6.12`. */
  readonly name?: string;
  /** Default `x86_64`. */
  readonly arch?: "x86_64" | "arm64";
  /** Default `6.12.1`. */
  readonly version?: string;
  /** Default: one `vmlinux` out of {@link smallKernel}. */
  readonly files?: BundleFiles;
  /** The tar as it is, instead of `files`. */
  readonly tar?: Uint8Array;
  /** The compressed bytes as they are; `unpacked_bytes` still comes of `tar` or `files`. */
  readonly zst?: Uint8Array;
  /** Default `https://kernels.invalid`. */
  readonly baseUrl?: string;
  /** Fields of the entry that shall say something else. */
  readonly entry?: Partial<BundleEntry>;
}

/** A ustar archive of the files, sorted, owned by 0:0, dated 0, members without a leading `./`. */
export function tarOf(files: BundleFiles): Uint8Array<ArrayBuffer> {
  return inScratch((scratch) => {
    const tree = join(scratch, "tree");
    mkdirSync(tree);
    for (const [path, contents] of Object.entries(files)) {
      const target = join(tree, path);
      mkdirSync(dirname(target), { recursive: true });
      if (typeof contents === "string" || contents instanceof Uint8Array) {
        writeFileSync(target, contents);
      } else {
        symlinkSync(contents.link, target);
      }
    }
    const out = join(scratch, "bundle.tar");
    run("chmod", [["-R", "u=rwX,go=rX", tree]]);
    const members = readdirSync(tree).sort();
    run("tar", [
      ["--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"],
      ["--mtime=@0", "-C", tree, "-cf", out],
      members.length === 0 ? ["-T", "/dev/null"] : ["--", ...members],
    ]);
    return new Uint8Array(readFileSync(out));
  });
}

/** The bytes as one zstd frame with a content checksum. */
export function zstdOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return inScratch((scratch) => {
    const [plain, packed] = [join(scratch, "plain"), join(scratch, "packed.zst")];
    writeFileSync(plain, bytes);
    run("zstd", [["-q", "--check", "-o", packed, plain]]);
    return new Uint8Array(readFileSync(packed));
  });
}

/** Writes `<folder>/<name>-<arch>-<sha12>.tar.zst` and returns the catalog entry that names it. */
export function makeBundle(folder: string, options: BundleOptions = {}): BundleEntry {
  const { name = "generic-6.12", arch = "x86_64", version = "6.12.1" } = options;
  const files = options.files ?? { vmlinux: smallKernel({ arch, version }) };
  const tar = options.tar ?? tarOf(files);
  const zst = options.zst ?? zstdOf(tar);
  const sha256 = createHash("sha256").update(zst).digest("hex");
  const file = `${name}-${arch}-${sha256.slice(0, 12)}.tar.zst`;
  writeFileSync(join(folder, file), zst);
  return {
    name,
    distro: name.replace(/-[^-]*$/, ""),
    arch,
    kernel_version: version,
    tarball_url: `${options.baseUrl ?? "https://kernels.invalid"}/${file}`,
    tarball_sha256: sha256,
    size_bytes: zst.length,
    unpacked_bytes: tar.length,
    description: `${name} for tests`,
    ...options.entry,
  };
}

/** The last part of the entry's URL. */
export function bundleFile(entry: Pick<BundleEntry, "tarball_url">): string {
  return entry.tarball_url.replace(/^.*\//, "");
}

function inScratch<T>(work: (scratch: string) => T): T {
  const scratch = mkdtempSync(join(tmpdir(), "banger-bundle-"));
  try {
    return work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function run(file: string, args: readonly (readonly string[])[]): void {
  const { status, stderr } = spawnSync(file, args.flat(), {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  if (status !== 0) {
    throw new Error(`${file} ${args.flat().join(" ")} exited with ${String(status)}: ${stderr}`);
  }
}
