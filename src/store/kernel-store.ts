import path from "node:path";
import { isArch, type Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import {
  type CatalogName,
  isCatalogName,
  isKernelName,
  type KernelName,
  qualifiedName,
} from "../core/kernel-name.ts";
import {
  manifestFileName,
  manifestMatches,
  parseManifest,
  type Manifest,
} from "../core/manifest.ts";
import type { Reference } from "../core/reference.ts";
import type { Environment } from "../io/environment.ts";
import { linkTarget, listNames, lookAt, makeFolder, readText } from "../io/files.ts";
import { isTreeName, KernelsLayout, slotOf } from "./layout.ts";
import { checkInnerFolder, openFolder, type Access } from "./state-folder.ts";

const maxManifestBytes = 128 * 2 ** 20;

/** A kernel that a name leads to. */
export interface InstalledKernel {
  readonly name: KernelName;
  /** Its name as a reference has it, with the catalog's before it unless that is banger's own. */
  readonly label: string;
  readonly arch: Arch;
  /** Its folder name in the kernels folder. */
  readonly slot: string;
  /** Its folder name in `.store`. */
  readonly tree: string;
  /** Absolute path by which users reach it; that of the current build moves on with the next one. */
  readonly directory: string;
  /** Absolute path of this very build. */
  readonly treeDirectory: string;
  readonly manifest: Manifest;
}

/** A slot whose kernel cannot be read. */
export interface DamagedKernel {
  readonly name: KernelName;
  /** As {@link InstalledKernel.label}. */
  readonly label: string;
  readonly arch: Arch;
  readonly slot: string;
  readonly tree: string | undefined;
  readonly damage: BangerError;
}

/** The kernels folder as it is on disk; nothing is cached, everything is read when asked for. */
export class KernelStore {
  readonly layout: KernelsLayout;
  readonly hostArch: Arch;
  /** Whose kernels are in it; undefined for banger's own catalog and for imports. */
  readonly catalog: CatalogName | undefined;

  private constructor(layout: KernelsLayout, hostArch: Arch, catalog: CatalogName | undefined) {
    this.layout = layout;
    this.hostArch = hostArch;
    this.catalog = catalog;
  }

  /**
   * Opens the kernels folder, or within it that of a catalog; one that does not exist is made for
   * `write` and empty for `read`.
   *
   * @param catalog undefined for banger's own.
   * @throws {BangerError} `bad-state`, when it is not safe to use; `io`.
   */
  static open(environment: Environment, access: Access, catalog?: CatalogName): KernelStore {
    if (environment.kernelsDir === path.join(environment.stateDir, "kernels")) {
      openFolder(environment.stateDir, access, environment);
    }
    const root = openFolder(environment.kernelsDir, access, environment);
    const all = new KernelsLayout(root ?? environment.kernelsDir);
    const layout = catalog === undefined ? all : new KernelsLayout(all.link(catalog));
    if (catalog !== undefined) {
      checkInnerFolder(layout.root, access, environment);
      if (access === "write") makeFolder(layout.root);
    }
    for (const folder of layout.inner) checkInnerFolder(folder, access, environment);
    return new KernelStore(layout, environment.hostArch, catalog);
  }

  /** The catalogs that have kernels in a folder of their own in this one, by name. @throws {BangerError} `io` */
  catalogs(): CatalogName[] {
    return listNames(this.layout.root)
      .filter((name) => isCatalogName(name))
      .filter((name) => this.#isCatalogFolder(name))
      .filter((name) => listNames(this.layout.link(name)).some((slot) => !slot.startsWith(".")));
  }

  /** Not just any folder: one that has what a store has, or nothing yet. */
  #isCatalogFolder(name: string): boolean {
    if (this.catalog !== undefined || !isCatalogName(name)) return false;
    const folder = this.layout.link(name);
    if (lookAt(folder)?.isDirectory() !== true) return false;
    const { lock, inner } = new KernelsLayout(folder);
    const isOurs = [lock, ...inner].some((item) => lookAt(item) !== undefined);
    return isOurs || listNames(folder).length === 0;
  }

  /** A name as references have it. */
  labelOf(name: KernelName): string {
    return qualifiedName(this.catalog, name);
  }

  slotOf(name: KernelName, arch: Arch): string {
    return slotOf(name, arch, this.hostArch);
  }

  /** All slots, by name. @throws {BangerError} `io` */
  list(): (InstalledKernel | DamagedKernel)[] {
    const kernels: (InstalledKernel | DamagedKernel)[] = [];
    for (const slot of listNames(this.layout.root)) {
      const parsed = this.#parseSlot(slot);
      if (parsed === undefined || this.#isCatalogFolder(slot)) continue;
      const kernel = this.#read(parsed.name, parsed.arch, slot, this.layout.link(slot));
      if (kernel !== undefined) kernels.push(kernel);
    }
    return kernels;
  }

  /** What the name leads to now; undefined when nothing of that name is installed. */
  current(name: KernelName, arch: Arch): InstalledKernel | DamagedKernel | undefined {
    const slot = this.slotOf(name, arch);
    return this.#read(name, arch, slot, this.layout.link(slot));
  }

  /**
   * What may be replaced under a name: nothing, when nothing readable is installed.
   *
   * @throws {BangerError} `bad-state`, when something stands there that banger did not make.
   */
  replaceable(name: KernelName, arch: Arch): InstalledKernel | undefined {
    const installed = this.current(name, arch);
    if (installed === undefined || "manifest" in installed) return installed;
    if (installed.tree === undefined) throw installed.damage;
    return undefined;
  }

  /** What the name leads to right after a change. @throws {BangerError} `bad-state`, `failed` */
  changed(name: KernelName, arch: Arch): InstalledKernel {
    const kernel = this.current(name, arch);
    if (kernel === undefined)
      throw new BangerError("failed", `${this.labelOf(name)} vanished while it was changed`);
    if ("damage" in kernel) throw kernel.damage;
    return kernel;
  }

  /** What the name led to before, for `rollback`. */
  previous(name: KernelName, arch: Arch): InstalledKernel | DamagedKernel | undefined {
    const slot = this.slotOf(name, arch);
    const kernel = this.#read(name, arch, slot, this.layout.previousLink(slot));
    return kernel?.tree === this.#treeOf(this.layout.link(slot)) ? undefined : kernel;
  }

  /** A build that is kept in the store, by the name of its tree. */
  tree(name: KernelName, arch: Arch, tree: string): InstalledKernel | DamagedKernel | undefined {
    if (lookAt(this.layout.tree(tree)) === undefined) return undefined;
    return this.#readTree(name, arch, this.slotOf(name, arch), tree);
  }

  /**
   * The installed kernel that a reference means: the current one, or with `@` any kept build.
   *
   * @throws {BangerError} `not-found`; `bad-state` when it is damaged.
   */
  find(reference: Reference): InstalledKernel {
    const { name, arch, build } = reference;
    const label = this.labelOf(name);
    const current = this.current(name, arch);
    if (current === undefined) {
      throw new BangerError("not-found", `${label} (${arch}) is not installed`);
    }
    const candidates = [current, ...(build === undefined ? [] : this.#kept(name, arch))];
    const match = candidates.find(
      (kernel) => "damage" in kernel || manifestMatches(kernel.manifest, build),
    );
    if (match === undefined) {
      const has = "manifest" in current ? current.manifest.kernel_version : "damaged";
      throw new BangerError(
        "not-found",
        `this build of ${label} (${arch}) is not installed: ${has} is`,
      );
    }
    if ("damage" in match) throw match.damage;
    return match;
  }

  /** Names of all trees in the store; what else is there is not banger's. */
  trees(): string[] {
    return listNames(this.layout.trees).filter((name) => isTreeName(name));
  }

  /** The tree that a slot's current or previous link leads to. */
  linkedTrees(slot: string): { current: string | undefined; previous: string | undefined } {
    return {
      current: this.#treeOf(this.layout.link(slot)),
      previous: this.#treeOf(this.layout.previousLink(slot)),
    };
  }

  /** Names of all slots that have a current or a previous link. */
  slots(): string[] {
    const names = [...listNames(this.layout.root), ...listNames(this.layout.previous)];
    return [...new Set(names.filter((name) => this.#parseSlot(name) !== undefined))];
  }

  #kept(name: KernelName, arch: Arch): InstalledKernel[] {
    const slot = this.slotOf(name, arch);
    return this.trees()
      .filter((tree) => tree.startsWith(`${slot}-`))
      .map((tree) => this.#readTree(name, arch, slot, tree))
      .filter((kernel) => "manifest" in kernel)
      .filter((kernel) => kernel.manifest.name === name && kernel.manifest.arch === arch);
  }

  #parseSlot(slot: string): { name: KernelName; arch: Arch } | undefined {
    const cut = slot.indexOf("_");
    const name = cut === -1 ? slot : slot.slice(0, cut);
    const arch = cut === -1 ? this.hostArch : slot.slice(cut + 1);
    if (!isKernelName(name) || !isArch(arch)) return undefined;
    return slot === this.slotOf(name, arch) ? { name, arch } : undefined;
  }

  #treeOf(link: string): string | undefined {
    const tree = path.basename(linkTarget(link) ?? "");
    return isTreeName(tree) ? tree : undefined;
  }

  #read(
    name: KernelName,
    arch: Arch,
    slot: string,
    link: string,
  ): InstalledKernel | DamagedKernel | undefined {
    for (;;) {
      const tree = this.#treeOf(link);
      if (tree !== undefined) {
        const kernel = this.#readTree(name, arch, slot, tree);
        // Replaced or removed while it was read, it is not damaged: then the link says something else by now.
        if ("manifest" in kernel || this.#treeOf(link) === tree) return kernel;
      } else if (lookAt(link) === undefined) {
        return undefined;
      } else if (this.#treeOf(link) === undefined) {
        break;
      }
    }
    const [fault, hint] = this.#isCatalogFolder(slot)
      ? [`has the kernels of a catalog ${name}, and is no kernel`, "give the kernel another name"]
      : ["is not a link that banger made", "move it away, then pull or import the kernel again"];
    const damage = new BangerError("bad-state", `${link} ${fault}`, { hint });
    return { name, label: this.labelOf(name), arch, slot, tree: undefined, damage };
  }

  #readTree(
    name: KernelName,
    arch: Arch,
    slot: string,
    tree: string,
  ): InstalledKernel | DamagedKernel {
    const label = this.labelOf(name);
    const treeDirectory = this.layout.tree(tree);
    const file = path.join(treeDirectory, manifestFileName);
    try {
      const text = readText(file, maxManifestBytes);
      if (text === undefined) {
        throw new BangerError("bad-state", `${file} is missing`);
      }
      const manifest = parseManifest(text, file);
      if (manifest.name !== name || manifest.arch !== arch) {
        throw new BangerError("bad-state", `${file} is of ${manifest.name} (${manifest.arch})`);
      }
      const isCurrent = this.#treeOf(this.layout.link(slot)) === tree;
      const directory = isCurrent ? this.layout.link(slot) : treeDirectory;
      return { name, label, arch, slot, tree, directory, treeDirectory, manifest };
    } catch (error) {
      if (!(error instanceof BangerError)) throw error;
      const damage = new BangerError(
        error.code,
        `${label} (${arch}) is damaged: ${error.message}`,
        {
          hint: error.hint ?? `pull or import it again: banger kernel pull ${label}:${arch}`,
          cause: error,
        },
      );
      return { name, label, arch, slot, tree, damage };
    }
  }
}
