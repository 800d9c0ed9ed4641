import { quoted, type TarEntry, unsafe } from "./tar-header.ts";

/** Where things lie at the top of a bundle and of an installed kernel. */
export const bundleNames = {
  kernel: "vmlinux",
  initrd: "initrd.img",
  modules: "modules",
  config: "kernel.config",
  provenance: "provenance.json",
} as const;

/** How large a bundle's tree may be; names are counted in bytes. */
export const bundleLimits = {
  entries: 100_000,
  depth: 64,
  /** Half of PATH_MAX: the other half is for the path of the store. */
  nameBytes: 2048,
  /** PATH_MAX: of the target of a link, and of what following it expands to. */
  pathBytes: 4096,
  componentBytes: 255,
  /** As Linux counts: following the link itself is the first hop. */
  linkHops: 40,
} as const;

const topLevel: ReadonlyMap<string, TarEntry["kind"]> = new Map([
  [bundleNames.kernel, "file"],
  [bundleNames.initrd, "file"],
  [bundleNames.modules, "directory"],
  [bundleNames.config, "file"],
  [bundleNames.provenance, "file"],
]);

interface DirectoryNode {
  readonly kind: "directory";
  readonly pathBytes: number;
  readonly parent: DirectoryNode | undefined;
  readonly children: Map<string, Node>;
}

interface FileNode {
  readonly kind: "file";
  readonly pathBytes: number;
}

interface LinkNode {
  readonly kind: "symlink";
  readonly path: string;
  readonly target: string;
  readonly parent: DirectoryNode;
  /** Kept, so that each link is walked once however many lead through it. */
  resolution: Resolution | "running" | undefined;
}

type Node = DirectoryNode | FileNode | LinkNode;

interface Resolution {
  readonly node: DirectoryNode | FileNode;
  readonly hops: number;
  /** The longest that "where we are" plus "what is left to walk" became on the way. */
  readonly expandedBytes: number;
}

/**
 * What a bundle may hold: a policy over the names, kinds and links of its entries. Nothing is repaired:
 * a name that is not canonical is refused.
 *
 * Symlinks are judged in `finish()`, since their targets may come later. Until it returned, nothing may
 * be written through a link, and best no link be made.
 *
 * @see https://man7.org/linux/man-pages/man7/path_resolution.7.html
 */
export class BundleTree {
  readonly #root: DirectoryNode = {
    kind: "directory",
    pathBytes: 0,
    parent: undefined,
    children: new Map(),
  };
  readonly #links: LinkNode[] = [];
  #entries = 0;

  /**
   * Adds the next entry, in the order of the archive. The name has no trailing slash, also that of a
   * directory.
   *
   * @throws {BangerError} `unsafe-archive` for a name that is not relative, canonical, printable ASCII
   * within the limits; a parent that is missing or no directory; a duplicate; a top-level entry that
   * bundles do not have; an empty `vmlinux`; a link target that is empty or absolute
   */
  add(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > bundleLimits.entries) {
      throw unsafe(`archive has more than ${bundleLimits.entries} entries`);
    }
    const components = nameComponents(entry.path);
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    if (components.length === 1) checkTopLevel(entry);
    const parent = this.#parentOf(entry.path, components.slice(0, -1));
    if (parent.children.has(name)) throw unsafe(`${quoted(entry.path)} is in the archive twice`);
    parent.children.set(name, this.#node(entry, parent));
  }

  /**
   * Judges the whole tree, after the last entry.
   *
   * @throws {BangerError} `unsafe-archive` if there is no `vmlinux`, or for a link that at any moment
   * leads above the top, to nothing, through a file, in a circle, over more than 40 links, or over a
   * path of more than 4096 bytes
   */
  finish(): void {
    if (!this.#root.children.has(bundleNames.kernel)) {
      throw unsafe(`archive has no ${quoted(bundleNames.kernel)}`);
    }
    for (const link of this.#links) resolve(link, 1);
  }

  #parentOf(path: string, components: readonly string[]): DirectoryNode {
    let directory = this.#root;
    for (const [index, component] of components.entries()) {
      const child = directory.children.get(component);
      if (child?.kind !== "directory") {
        const parent = quoted(components.slice(0, index + 1).join("/"));
        const found = child === undefined ? "has no entry before it" : `is a ${child.kind}`;
        throw unsafe(`${quoted(path)} lies in ${parent}, which ${found}, expected a directory`);
      }
      directory = child;
    }
    return directory;
  }

  #node(entry: TarEntry, parent: DirectoryNode): Node {
    const { kind, path } = entry;
    if (kind === "file") return { kind, pathBytes: path.length };
    if (kind === "directory") return { kind, pathBytes: path.length, parent, children: new Map() };
    const { target } = entry;
    checkText(target, `target ${quoted(target)} of link ${quoted(path)}`);
    const link: LinkNode = { kind, path, target, parent, resolution: undefined };
    this.#links.push(link);
    return link;
  }
}

function nameComponents(path: string): readonly string[] {
  checkText(path, `name ${quoted(path)}`);
  if (path.length > bundleLimits.nameBytes) {
    throw unsafe(
      `name ${quoted(path)} is ${path.length} bytes, expected at most ${bundleLimits.nameBytes}`,
    );
  }
  const components = path.split("/");
  if (components.length > bundleLimits.depth) {
    throw unsafe(
      `name ${quoted(path)} is ${components.length} levels deep, expected at most ${bundleLimits.depth}`,
    );
  }
  if (components.includes(".") || components.includes("..")) {
    throw unsafe(`name ${quoted(path)} has a "." or ".." in it`);
  }
  return components;
}

function checkText(text: string, what: string): void {
  if (text === "") throw unsafe(`${what} is empty`);
  if (text.length > bundleLimits.pathBytes) {
    throw unsafe(`${what} is ${text.length} bytes, expected at most ${bundleLimits.pathBytes}`);
  }
  if (!/^[\x20-\x5b\x5d-\x7e]+$/.test(text)) {
    throw unsafe(`${what} has characters that are not printable ASCII, or a backslash`);
  }
  if (text.startsWith("/")) throw unsafe(`${what} is absolute`);
  for (const component of text.split("/")) {
    if (component === "") throw unsafe(`${what} has an empty component`);
    if (component.length > bundleLimits.componentBytes) {
      throw unsafe(
        `${what} has a component of ${component.length} bytes, ` +
          `expected at most ${bundleLimits.componentBytes}`,
      );
    }
  }
}

function checkTopLevel(entry: TarEntry): void {
  const wanted = topLevel.get(entry.path);
  if (wanted === undefined) {
    const names = [...topLevel.keys()].join(", ");
    throw unsafe(`top-level entry is ${quoted(entry.path)}, expected one of ${names}`);
  }
  if (entry.kind !== wanted) {
    throw unsafe(`${quoted(entry.path)} is a ${entry.kind}, expected a ${wanted}`);
  }
  if (entry.path === bundleNames.kernel && entry.kind === "file" && entry.sizeBytes === 0) {
    throw unsafe(`${quoted(entry.path)} is empty, expected a kernel image`);
  }
}

/**
 * Follows a link the way the kernel does, component by component: `..` is the parent of where the walk
 * really is, which a normalised path text would not know.
 */
function resolve(link: LinkNode, depth: number): Resolution {
  const what = `link ${quoted(link.path)} to ${quoted(link.target)}`;
  if (link.resolution === "running") throw unsafe(`${what} leads in a circle`);
  if (link.resolution !== undefined) return link.resolution;
  if (depth > bundleLimits.linkHops) {
    throw unsafe(`${what} is reached over more than ${bundleLimits.linkHops} links`);
  }
  link.resolution = "running";

  let node: DirectoryNode | FileNode = link.parent;
  let hops = 1;
  let restBytes = link.target.length + 1;
  let expandedBytes = node.pathBytes + restBytes;
  for (const component of link.target.split("/")) {
    restBytes -= component.length + 1;
    const next = step(node, component, what);
    if (next.kind === "symlink") {
      const through = resolve(next, depth + 1);
      node = through.node;
      hops += through.hops;
      expandedBytes = Math.max(expandedBytes, through.expandedBytes + restBytes);
    } else {
      node = next;
    }
    expandedBytes = Math.max(expandedBytes, node.pathBytes + restBytes);
    // Judged at each step: what is refused early cannot grow.
    if (hops > bundleLimits.linkHops) {
      throw unsafe(`${what} leads over more than ${bundleLimits.linkHops} links`);
    }
    if (expandedBytes > bundleLimits.pathBytes) {
      throw unsafe(`${what} expands to more than ${bundleLimits.pathBytes} bytes`);
    }
  }
  link.resolution = { node, hops, expandedBytes };
  return link.resolution;
}

function step(from: DirectoryNode | FileNode, component: string, what: string): Node {
  if (from.kind === "file") throw unsafe(`${what} leads through a file`);
  if (component === ".") return from;
  if (component === "..") {
    if (from.parent === undefined) throw unsafe(`${what} leads out of the archive`);
    return from.parent;
  }
  const child = from.children.get(component);
  if (child === undefined) throw unsafe(`${what} leads nowhere`);
  return child;
}
