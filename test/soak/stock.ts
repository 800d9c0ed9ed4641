/** The kernels that a soak installs: every build of each, known to the last byte. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { valueAt } from "../support/answers.ts";
import { type BundleEntry, type BundleFiles, makeBundle } from "../support/bundle.ts";
import { smallKernel } from "../support/small-kernel.ts";
import { snapshotOf } from "../support/snapshot.ts";

/** What the kernels folder and this room call a kernel: NAME, or NAME_ARCH for a foreign one. */
export type Slot = string;

export interface Kernel {
  readonly slot: Slot;
  readonly name: string;
  readonly arch: "x86_64" | "arm64";
  /** Whether catalogs have it. */
  readonly isOffered: boolean;
}

const hostArch = process.arch === "arm64" ? "arm64" : "x86_64";

function kernel(name: string, arch: Kernel["arch"], isOffered = true): Kernel {
  return { slot: arch === hostArch ? name : `${name}_${arch}`, name, arch, isOffered };
}

export const kernels: readonly Kernel[] = [
  kernel("generic-6.12", "x86_64"),
  kernel("generic-6.12", "arm64"),
  kernel("modular-6.1", "x86_64"),
  kernel("small-6.18", "x86_64"),
  kernel("own-6.12", "x86_64", false),
];

/** Patch levels of each kernel. */
export const levels: readonly number[] = [1, 2, 3, 4];

export function versionOf({ name }: Kernel, level: number): string {
  return `${name.replace(/^.*-/, "")}.${level}`;
}

export interface Build {
  readonly kernel: Kernel;
  readonly version: string;
  /** With the layout that `kernel import` takes. */
  readonly folder: string;
  /** Of all files together; no two builds of a kernel have the same. */
  readonly sizeBytes: number;
  readonly entry: BundleEntry;
}

/** How an installed build is called here: where it came from, and its version. */
export function buildLabel(source: string, version: string): string {
  return `${source} ${version}`;
}

/** All builds, in a folder each and in bundles. */
export class Stock {
  readonly builds: readonly Build[];
  readonly #byContents = new Map<string, Build>();

  /**
   * @param folder where builds go, as SLOT/VERSION.
   * @param mirror where bundles go.
   */
  constructor(folder: string, mirror: string) {
    this.builds = kernels.flatMap((each, place) =>
      levels.map((level) => {
        const build = makeBuild(each, level, place, folder, mirror);
        this.#byContents.set(contentsOf(build.folder), build);
        return build;
      }),
    );
  }

  /** @throws when there is none */
  find(slot: Slot, version: string): Build {
    const build = this.builds.find((one) => one.kernel.slot === slot && one.version === version);
    if (build === undefined) throw new Error(`there is no build ${version} of ${slot}`);
    return build;
  }

  ofSize(slot: Slot, sizeBytes: number): Build | undefined {
    return this.builds.find((one) => one.kernel.slot === slot && one.sizeBytes === sizeBytes);
  }

  /** The build that a folder is to the last byte, its manifest apart. */
  buildIn(folder: string): Build | undefined {
    return this.#byContents.get(contentsOf(folder));
  }

  /**
   * What an installed tree is: a {@link buildLabel}, or a text that begins with `torn:`. Bytes are
   * compared with those of the stock, and the manifest with what they are.
   */
  labelOf(slot: Slot, tree: string): string {
    if (!existsSync(tree)) return "torn: it is not there";
    const build = this.buildIn(tree);
    if (build === undefined || build.kernel.slot !== slot) {
      return `torn: it is ${build === undefined ? "no build" : build.kernel.slot}: ${contentsOf(tree).slice(0, 600)}`;
    }
    let manifest: unknown;
    try {
      manifest = JSON.parse(readFileSync(join(tree, "manifest.json"), "utf8"));
    } catch (error) {
      return `torn: its manifest: ${String(error)}`;
    }
    const source = String(valueAt(manifest, "source"));
    const claims = [
      valueAt(manifest, "name"),
      valueAt(manifest, "arch"),
      valueAt(manifest, "kernel_version"),
    ];
    const facts = [build.kernel.name, build.kernel.arch, build.version];
    if (source === "catalog") {
      claims.push(valueAt(manifest, "tarball_sha256"));
      facts.push(build.entry.tarball_sha256);
    }
    return Bun.deepEquals(claims, facts)
      ? buildLabel(source, build.version)
      : `torn: its manifest says ${claims.join(" ")}, it is ${facts.join(" ")}`;
  }
}

function makeBuild(
  each: Kernel,
  level: number,
  place: number,
  folder: string,
  mirror: string,
): Build {
  const version = versionOf(each, level);
  const files = filesOf(each, version, 200_000 + 150_000 * level + 8192 * place);
  const target = join(folder, each.slot, version);
  writeFiles(target, files);
  const sizeBytes = Object.values(files).reduce(
    (sum, contents) =>
      sum + (typeof contents === "string" || contents instanceof Uint8Array ? contents.length : 0),
    0,
  );
  const entry = makeBundle(mirror, { name: each.name, arch: each.arch, version, files });
  return { kernel: each, version, folder: target, sizeBytes, entry };
}

/** `modular` has more files than are synced one by one. */
function filesOf({ name, arch }: Kernel, version: string, sizeBytes: number): BundleFiles {
  const image = { vmlinux: smallKernel({ arch, version, sizeBytes, seed: name }) };
  if (!name.startsWith("modular")) return image;
  const modules = Array.from({ length: 24 }, (_, index): [string, string] => [
    `modules/${version}/kernel/m${index}.ko`,
    `module ${index} of ${name} ${version}`,
  ]);
  return {
    ...image,
    "initrd.img": `the initrd of ${name} ${version}`,
    ...Object.fromEntries(modules),
    [`modules/${version}/first.ko`]: { link: "kernel/m0.ko" },
  };
}

function writeFiles(folder: string, files: BundleFiles): void {
  for (const [path, contents] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    if (typeof contents === "string" || contents instanceof Uint8Array) {
      writeFileSync(target, contents);
      chmodSync(target, 0o644);
    } else {
      symlinkSync(contents.link, target);
    }
  }
  spawnSync("/bin/chmod", ["-R", "u=rwX,go=rX", folder]);
}

function contentsOf(folder: string): string {
  return JSON.stringify(snapshotOf(folder, { leaveOut: /^manifest\.json$/ }));
}

/** Names in a folder, or none when it is not there. */
export function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
