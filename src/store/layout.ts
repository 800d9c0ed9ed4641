import path from "node:path";
import type { Arch } from "../core/arch.ts";
import type { ImageName, KernelName } from "../core/kernel-name.ts";
import type { Sha256 } from "../core/sha256.ts";

/**
 * Where things stand in a kernels folder. @see docs/formats/store.md
 */
export class KernelsLayout {
  readonly root: string;
  readonly lock: string;
  readonly locks: string;
  readonly parts: string;
  readonly staging: string;
  readonly trash: string;
  readonly trees: string;
  readonly previous: string;
  readonly pins: string;

  constructor(root: string) {
    this.root = root;
    this.lock = path.join(root, ".lock");
    this.locks = path.join(root, ".locks");
    this.parts = path.join(root, ".parts");
    this.staging = path.join(root, ".staging");
    this.trash = path.join(root, ".trash");
    this.trees = path.join(root, ".store");
    this.previous = path.join(root, ".previous");
    this.pins = path.join(root, ".pins");
  }

  /** The folders within that only banger puts things in. */
  get inner(): readonly string[] {
    const { locks, parts, staging, trash, trees, previous, pins } = this;
    return [locks, parts, staging, trash, trees, previous, pins];
  }

  /** The link that leads to the current tree of a slot. */
  link(slot: string): string {
    return path.join(this.root, slot);
  }

  /** The link that leads to the tree that was current before. */
  previousLink(slot: string): string {
    return path.join(this.previous, slot);
  }

  tree(tree: string): string {
    return path.join(this.trees, tree);
  }

  part(sha256: Sha256): string {
    return path.join(this.parts, `${sha256}.part`);
  }

  bundleLock(sha256: Sha256): string {
    return path.join(this.locks, sha256);
  }
}

/**
 * The folder name of a kernel: its name alone for the host's architecture, `name_arch` for another.
 *
 * @example
 * slotOf("generic-6.12", "arm64", "x86_64"); // "generic-6.12_arm64"
 */
export function slotOf(name: KernelName, arch: Arch, hostArch: Arch): string {
  return arch === hostArch ? name : `${name}_${arch}`;
}

/** The file of an image record. */
export function imageFile(stateDir: string, name: ImageName): string {
  return path.join(imagesFolder(stateDir), `${name}.json`);
}

/** The folder of the image records. */
export function imagesFolder(stateDir: string): string {
  return path.join(stateDir, "images");
}

/**
 * The name of a new tree: the slot, what the build is known by, and random digits.
 *
 * @example
 * treeName("generic-6.12", "92e7217c44db", "23ba8ca6…"); // "generic-6.12-92e7217c44db-23ba8ca6"
 */
export function treeName(slot: string, label: string, random: string): string {
  return `${slot}-${label}-${random.slice(0, 8)}`;
}

/** Whether a name is one that {@link treeName} makes: nothing else in `.store` is ever removed. */
export function isTreeName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]*-(?:[0-9a-f]{12}|import)-[0-9a-f]{8}$/.test(name);
}

/** The slot that a tree was made for. */
export function slotOfTree(tree: string): string {
  return tree.split("-").slice(0, -2).join("-");
}
