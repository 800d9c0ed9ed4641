/** Stores with known kernels in them, and what may be found there after a fault. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { type BundleEntry, type BundleFiles, Sandbox, smallKernel } from "./sandbox.ts";
import { snapshotOf } from "./snapshot.ts";

export const kernelName = "generic-6.12";

/** The files of a bundle of every kind of thing: image, initrd, modules in folders, a link. */
export function bundleFilesOf(version: string): BundleFiles {
  return {
    vmlinux: smallKernel({ version, sizeBytes: 8192 }),
    "initrd.img": `the initrd of ${version}`,
    [`modules/${version}/kernel/first.ko`]: `the first module of ${version}`,
    [`modules/${version}/modules.order`]: { link: "kernel/first.ko" },
  };
}

/** A sandbox whose mirror has the builds 6.12.1, 6.12.2 and so on of one kernel name. */
export class KernelSandbox extends Sandbox {
  readonly #files = new Map<string, BundleFiles>();
  readonly #entries = new Map<string, BundleEntry>();

  /** @param filesOf makes the files of a build. */
  constructor(
    options: {
      readonly state?: string;
      readonly filesOf?: (version: string) => BundleFiles;
      readonly versions?: readonly string[];
    } = {},
  ) {
    super(options.state === undefined ? {} : { state: options.state });
    const { filesOf = bundleFilesOf, versions = ["6.12.1", "6.12.2"] } = options;
    for (const version of versions) {
      const files = filesOf(version);
      this.#files.set(version, files);
      this.#entries.set(version, this.bundle({ version, files }));
    }
    this.useMirrors();
  }

  /** Makes the catalog have this build from now on. */
  offer(version: string): BundleEntry {
    const entry = this.#entries.get(version);
    if (entry === undefined) {
      throw new Error(`there is no build ${version}`);
    }
    this.writeCatalog([entry], { serial: [...this.#entries.keys()].indexOf(version) + 1 });
    return entry;
  }

  /** Runs banger and wants exit code 0. */
  async must(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.banger(args);
    if (exitCode !== 0) {
      throw new Error(`banger ${args.join(" ")} exited with ${String(exitCode)}: ${stderr}`);
    }
    return stdout;
  }

  /** Remembers the state folder; the answer puts it back as it was. */
  keepState(): () => void {
    const kept = join(this.folder, `kept-${basename(this.state)}`);
    copyTree(this.state, kept);
    return () => {
      copyTree(kept, this.state);
    };
  }

  /**
   * What the links of the kernels folder lead to, read without banger: link → version.
   *
   * @throws if one leads nowhere, or to a tree that is not to the last byte what its manifest and the
   * bundle say
   */
  installed(): Readonly<Record<string, string>> {
    const kernels = join(this.state, "kernels");
    const found: Record<string, string> = {};
    for (const folder of [kernels, join(kernels, ".previous")]) {
      for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
        const link = join(folder, name);
        if (lstatSync(link).isSymbolicLink()) {
          found[relative(kernels, link)] = this.#versionOf(join(folder, readlinkSync(link)));
        }
      }
    }
    return found;
  }

  /** What a killed or failed command may leave for the next one to clear up: paths in the state folder. */
  leftovers(): readonly string[] {
    return Object.keys(snapshotOf(this.state)).filter((path) =>
      /^kernels\/\.(?:staging|trash)\/|(?:^|\/)\.tmp-[^/]*$/.test(path),
    );
  }

  /** Names of the trees in the store that no link leads to. */
  unlinkedTrees(): readonly string[] {
    const kernels = join(this.state, "kernels");
    const linked = new Set<string>();
    for (const folder of [kernels, join(kernels, ".previous")]) {
      for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        if (lstatSync(join(folder, name)).isSymbolicLink()) {
          linked.add(basename(readlinkSync(join(folder, name))));
        }
      }
    }
    const trees = join(kernels, ".store");
    return (existsSync(trees) ? readdirSync(trees) : []).filter((tree) => !linked.has(tree));
  }

  #versionOf(tree: string): string {
    const where = relative(this.state, tree);
    if (!existsSync(tree)) {
      throw new Error(`torn: a link leads to ${where}, which is not there`);
    }
    const there = snapshotOf(tree);
    const version = manifestVersion(join(tree, "manifest.json"), where);
    const files = this.#files.get(version);
    if (files === undefined) {
      throw new Error(`torn: ${where} says that it is ${version}`);
    }
    const wanted = Object.entries(files).map(([path, contents]) => [path, describe(contents)]);
    for (const [path = "", description] of wanted) {
      if (there[path] !== description) {
        throw new Error(`torn: ${where}/${path} is ${there[path] ?? "missing"}, not ${description}`);
      }
    }
    const count = Object.values(there).filter((text) => !text.startsWith("folder")).length;
    if (count !== wanted.length + 1) {
      throw new Error(`torn: ${where} has ${count} files, not ${wanted.length + 1}`);
    }
    return version;
  }
}

function manifestVersion(file: string, where: string): string {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "nothing";
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === "object" && manifest !== null && "kernel_version" in manifest) {
      return String(manifest.kernel_version);
    }
  } catch {
    // told below
  }
  throw new Error(`torn: ${where}/manifest.json holds ${JSON.stringify(text.slice(0, 40))}`);
}

function describe(contents: string | Uint8Array | { readonly link: string }): string {
  if (typeof contents !== "string" && !(contents instanceof Uint8Array)) {
    return `link -> ${contents.link}`;
  }
  const bytes = Buffer.from(contents);
  return `file 0644 ${bytes.length} bytes sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const { status, stderr } = spawnSync("/bin/cp", ["-a", from, to], { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`cp -a ${from} ${to} exited with ${String(status)}: ${stderr}`);
  }
}
