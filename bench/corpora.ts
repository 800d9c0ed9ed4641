/** The bundles that are pulled: made once below build/bench, and kept. */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import type { BundleEntry } from "../test/support/sandbox.ts";
import { smallKernel } from "../test/support/small-kernel.ts";

const repository = resolve(import.meta.dirname, "..");
/** Where everything that a benchmark makes goes. */
export const benchFolder: string = join(repository, "build/bench");
/** What the server serves. */
export const servedFolder: string = join(benchFolder, "served");

/** A bundle to pull, and the catalog that names it. */
export interface Corpus {
  readonly title: string;
  readonly entry: BundleEntry;
  /** Name of the tarball in {@link servedFolder}. */
  readonly file: string;
  readonly catalog: string;
  readonly files: number;
}

/** The generic kernel of the catalog, as it is. */
export function genericCorpus(): Corpus {
  const entries = entriesOf(join(repository, "catalog/catalog.json"));
  const entry = entries.find((each) => each.name === "generic-6.12" && each.arch === "x86_64");
  if (entry === undefined) throw new Error("the catalog has no generic-6.12 for x86_64");
  const file = fileOf(entry);
  mkdirSync(servedFolder, { recursive: true });
  const served = join(servedFolder, file);
  if (!existsSync(served)) copyFileSync(join(repository, "bundles", file), served);
  return { title: "generic", entry, file, catalog: writeCatalog("generic", [entry]), files: 1 };
}

/** Puts the generic kernel itself into a folder. @returns its path */
export function genericKernel(folder: string): string {
  const tarball = join(servedFolder, genericCorpus().file);
  run("tar", ["--zstd", "-xf", tarball, "-C", folder, "vmlinux"]);
  return join(folder, "vmlinux");
}

const debianPackage = "linux-image-6.12.117+deb12-amd64";

/**
 * Debian's kernel with its modules decompressed, imported and packed as a maintainer would.
 *
 * @param banger the executable
 */
export function distroCorpus(banger: string): Corpus {
  const folder = join(benchFolder, "debian");
  const catalog = join(benchFolder, "distro.json");
  const tree = join(folder, "tree");
  if (!existsSync(tree)) makeDebianTree(folder, tree, banger);
  if (!existsSync(catalog) || entriesOf(catalog).length === 0) {
    writeCatalog("distro", []);
    const { version } = /linux-image-(?<version>[\d.]+)/.exec(debianPackage)?.groups ?? {};
    const described = ["--name", "debian-6.12", "--distro", "debian", "--arch", "x86_64"];
    const imported = ["--from", tree, "--distro", "debian", "--arch", "x86_64"];
    const state = { BANGER_STATE_DIR: join(folder, "state") };
    run(banger, ["kernel", "import", "debian-6.12", ...imported], state);
    const about = [
      "--kernel-version",
      version ?? "",
      "--description",
      "Debian's kernel and modules",
    ];
    const packed = ["--from", tree, ...described, ...about, "--out", servedFolder];
    run(join(repository, "scripts/banger-maint"), ["pack", ...packed, "--catalog", catalog]);
    rmSync(join(folder, "state"), { recursive: true });
  }
  return corpusOf("distro", catalog, tree);
}

function makeDebianTree(folder: string, tree: string, banger: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const made = `${tree}.new`;
  const script = `
    set -e
    cd "$1"
    apt-get download "$2" 2>/dev/null >&2
    dpkg-deb -x ./*.deb root
    mkdir "$3"
    "$4" -q kernel extract root/boot/vmlinuz-* -o "$3/vmlinux" >&2
    cp -r root/lib/modules "$3/modules"
    find "$3" -name "*.ko.xz" -print0 | xargs -0 -P "$(nproc)" -n 50 xz -d
    rm -r root ./*.deb`;
  run("sh", ["-c", script, "-", folder, debianPackage, made, banger]);
  renameSync(made, tree);
}

const hugeFileBytes = 50 * 2 ** 20;
const hugeFiles = 40;

/** Two gigabytes that do not compress, in forty files: generated, the same each time. */
export function hugeCorpus(): Corpus {
  const catalog = join(benchFolder, "huge.json");
  const tree = join(benchFolder, "huge");
  if (!existsSync(catalog)) {
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(join(tree, "modules"), { recursive: true });
    writeFileSync(join(tree, "vmlinux"), smallKernel({ version: "6.12.1" }));
    const tarball = join(servedFolder, "huge.tar.zst");
    const script = `
      set -e
      cd "$1"
      for i in $(seq "$3"); do
        openssl enc -aes-128-ctr -nosalt -K "$(printf %032x "$i")" -iv "$(printf %032x 0)" \\
          -in /dev/zero 2>/dev/null | head -c "$2" > modules/m$i.ko
      done
      tar --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX \\
        -cf ../huge.tar vmlinux modules
      zstd -q -f --check -1 ../huge.tar -o "$4"
      sha256sum "$4" | cut -c 1-64`;
    const sizes = [String(hugeFileBytes), String(hugeFiles)];
    const sha256 = run("sh", ["-c", script, "-", tree, ...sizes, tarball]).trim();
    const tar = join(benchFolder, "huge.tar");
    const file = `huge-6.12-x86_64-${sha256.slice(0, 12)}.tar.zst`;
    const entry: BundleEntry = {
      name: "huge-6.12",
      distro: "huge",
      arch: "x86_64",
      kernel_version: "6.12.1",
      tarball_url: `https://kernels.invalid/${file}`,
      tarball_sha256: sha256,
      size_bytes: statSync(tarball).size,
      unpacked_bytes: statSync(tar).size,
      description: "Two gigabytes that do not compress",
    };
    renameSync(tarball, join(servedFolder, file));
    rmSync(tar);
    writeCatalog("huge", [entry]);
  }
  return corpusOf("huge", catalog, tree);
}

function corpusOf(title: string, catalog: string, tree: string): Corpus {
  const [entry] = entriesOf(catalog);
  if (entry === undefined) throw new Error(`${catalog} names nothing`);
  const files = readdirSync(tree, { recursive: true, withFileTypes: true });
  return {
    title,
    entry,
    file: fileOf(entry),
    catalog,
    files: files.filter((each) => each.isFile()).length,
  };
}

function entriesOf(catalog: string): readonly BundleEntry[] {
  const { entries }: { entries: readonly BundleEntry[] } = JSON.parse(
    readFileSync(catalog, "utf8"),
  );
  return entries;
}

function writeCatalog(name: string, entries: readonly object[]): string {
  const file = join(benchFolder, `${name}.json`);
  const updated = `${new Date().toISOString().slice(0, 19)}Z`;
  mkdirSync(benchFolder, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ version: 1, serial: 1, updated, entries }, null, 2)}\n`);
  return file;
}

function fileOf(entry: Pick<BundleEntry, "tarball_url">): string {
  return entry.tarball_url.replace(/^.*\//, "");
}

function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string {
  return execFileSync(file, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
}
