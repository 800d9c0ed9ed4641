/** Stores with known kernels in them, and what may be found there after a fault. */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { type BundleEntry, type BundleFiles, Sandbox, smallKernel } from "./sandbox.ts";
import { snapshotOf } from "./snapshot.ts";

export const kernelName = "generic-6.12";

/** What a name leads to now, and what `kernel rollback` would lead it to: versions. */
export interface Links {
  readonly current?: string;
  readonly previous?: string;
}

/** The files of a bundle of every kind of thing: image, initrd, modules in folders, a link. */
export function bundleFilesOf(version: string): BundleFiles {
  return {
    vmlinux: smallKernel({ version, sizeBytes: 8192 }),
    "initrd.img": `the initrd of ${version}`,
    [`modules/${version}/kernel/first.ko`]: `the first module of ${version}`,
    [`modules/${version}/modules.order`]: { link: "kernel/first.ko" },
  };
}

/** The same with more files than are synced one by one. */
export function manyFilesOf(version: string): BundleFiles {
  return {
    ...bundleFilesOf(version),
    ...Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`modules/${version}/m${index}.ko`, `m${index}`]),
    ),
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

  /** Writes the files of a build into a new folder, as `kernel import` takes it. */
  writeBuild(version: string, folder: string): void {
    for (const [path, contents] of Object.entries(this.#files.get(version) ?? {})) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      if (typeof contents === "string" || contents instanceof Uint8Array) {
        writeFileSync(target, contents);
      } else {
        symlinkSync(contents.link, target);
      }
    }
  }

  /**
   * What the links of the kernels folder lead to, read without banger: the version of a build that is
   * to the last byte what its bundle says, or a text that begins with `torn:`.
   */
  installed(): Links {
    const kernels = join(this.state, "kernels");
    const current = this.#behindLink(join(kernels, kernelName), (target) => join(kernels, target));
    // Nobody follows this one: it says which tree, as the current one did before it.
    const previous = this.#behindLink(join(kernels, ".previous", kernelName), (target) =>
      join(kernels, ".store", basename(target)),
    );
    return {
      ...(current === undefined ? {} : { current }),
      ...(previous === undefined ? {} : { previous }),
    };
  }

  /** The same for a folder in the store. */
  buildIn(tree: string): string {
    const where = relative(this.state, tree);
    if (!existsSync(tree)) return `torn: ${where} is not there`;
    const there = snapshotOf(tree);
    const version = manifestVersion(join(tree, "manifest.json"));
    const files = this.#files.get(version);
    if (files === undefined) return `torn: ${where} calls itself ${version}`;
    const wanted = Object.entries(files);
    for (const [path, contents] of wanted) {
      const description = describe(contents);
      if (there[path] !== description) {
        return `torn: ${where}/${path} is ${there[path] ?? "missing"}, not ${description}`;
      }
    }
    const count = Object.values(there).filter((text) => !text.startsWith("folder")).length;
    return count === wanted.length + 1 ? version : `torn: ${where} has ${count} files`;
  }

  /** All that there may be in a kernels folder, and what should not be there. */
  inventory(): {
    readonly links: Links;
    readonly unlinkedTrees: readonly string[];
    readonly leftovers: readonly string[];
  } {
    const [unlinkedTrees, leftovers] = [this.unlinkedTrees(), this.leftovers()];
    return { links: this.installed(), unlinkedTrees, leftovers };
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

  #behindLink(link: string, treeOf: (target: string) => string): string | undefined {
    const isThere = lstatSync(link, { throwIfNoEntry: false }) !== undefined;
    return isThere ? this.buildIn(treeOf(readlinkSync(link))) : undefined;
  }
}

function manifestVersion(file: string): string {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "nothing";
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === "object" && manifest !== null && "kernel_version" in manifest) {
      return String(manifest.kernel_version);
    }
  } catch {
    // told below
  }
  return JSON.stringify(text.slice(0, 40));
}

function describe(contents: string | Uint8Array | { readonly link: string }): string {
  if (typeof contents !== "string" && !(contents instanceof Uint8Array)) {
    return `link -> ${contents.link}`;
  }
  const bytes = Buffer.from(contents);
  return `file 0644 ${bytes.length} bytes sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
