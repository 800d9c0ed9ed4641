import path from "node:path";
import { BangerError } from "../core/errors.ts";
import {
  insideFolder,
  isRandomName,
  isTemporaryName,
  listNames,
  lookAt,
  makeFolder,
  privateMode,
  randomName,
  removeFile,
  removeTemporaryFiles,
  removeTree,
  rename,
  replaceLink,
  syncFolder,
} from "../io/files.ts";
import { exchange } from "../io/libc.ts";
import { FileLock, type LockOptions } from "../io/lock.ts";
import { StagedTree } from "../io/staged-tree.ts";
import type { KernelStore } from "./kernel-store.ts";
import { slotOfTree, treeName } from "./layout.ts";
import { Pins } from "./pins.ts";

/**
 * The changes that the store allows, each durable and each such that a crash leaves the old state
 * or the new one. Exists only while the lock of the store is held.
 */
export class Transaction {
  readonly pins: Pins;
  readonly #store: KernelStore;

  private constructor(store: KernelStore) {
    this.#store = store;
    this.pins = new Pins(store.layout);
  }

  /**
   * Runs `work` under the lock of the store, after sweeping up what dead processes left.
   *
   * @throws {BangerError} `busy`, `io`, and what `work` throws.
   */
  static async run<Result>(
    store: KernelStore,
    options: LockOptions,
    work: (transaction: Transaction) => Result,
  ): Promise<Result> {
    const lock = await FileLock.acquire(store.layout.lock, options);
    try {
      sweep(store);
      return work(new Transaction(store));
    } finally {
      lock.release();
    }
  }

  /**
   * Makes a sealed tree the current one of a slot. The one before becomes the previous one, or is
   * thrown away when `replaces` says that it is the same build, only damaged.
   *
   * @returns the tree's name in the store.
   */
  publish(staged: StagedTree, slot: string, label: string, replaces: "older" | "damaged"): string {
    const { layout } = this.#store;
    const tree = treeName(slot, label, randomName());
    makeFolder(layout.trees);
    makeFolder(layout.previous);
    const { current: before, previous } = this.#store.linkedTrees(slot);
    const isThere = before !== undefined && lookAt(layout.tree(before)) !== undefined;
    rename(staged.root, layout.tree(tree));
    try {
      if (!staged.isAt(layout.tree(tree))) {
        throw new BangerError("bad-state", `something took the place of ${staged.root}`, {
          hint: "find out which program writes to the folder, then run the same command again",
        });
      }
      syncFolder(layout.trees);
      if (isThere && replaces === "older") {
        replaceLink(layout.previousLink(slot), linkTo(before));
      }
      // Before the link: cut short in between, the images have the whole build and the pull is owed.
      if (isThere && replaces === "damaged") this.pins.move(before, tree);
      replaceLink(layout.link(slot), linkTo(tree));
    } catch (error) {
      this.#takeBack(slot, before, previous, tree);
      throw error;
    }
    if (isThere && replaces === "damaged") this.#discardReplaced(before);
    return tree;
  }

  /** After a publication that the disk refused: the links as they were, as far as the disk allows. */
  #takeBack(
    slot: string,
    before: string | undefined,
    previous: string | undefined,
    tree: string,
  ): void {
    const { layout } = this.#store;
    try {
      if (before === undefined) removeFile(layout.link(slot));
      else replaceLink(layout.link(slot), linkTo(before));
      if (previous === undefined) removeFile(layout.previousLink(slot));
      else replaceLink(layout.previousLink(slot), linkTo(previous));
      if (before !== undefined) this.pins.move(tree, before);
      this.#discardTree(tree);
    } catch {
      // The disk fails; the error that led here is the one to report.
    }
  }

  /** Makes the previous tree of a slot the current one, and the other way round. */
  swap(slot: string): void {
    const { layout } = this.#store;
    const { current, previous } = this.#store.linkedTrees(slot);
    if (previous === undefined) throw new Error(`${slot} has no previous tree`);
    if (exchange(layout.link(slot), layout.previousLink(slot))) {
      syncFolder(layout.previous);
      syncFolder(layout.root);
      return;
    }
    // A filesystem that cannot exchange: cut short in between, the way back is lost, not the kernel.
    replaceLink(layout.link(slot), linkTo(previous));
    if (current !== undefined) replaceLink(layout.previousLink(slot), linkTo(current));
  }

  /**
   * Takes a slot away, with all of its trees that no image holds.
   *
   * @throws {BangerError} `busy`, when one of them is in use: nothing has then been removed.
   */
  removeSlot(slot: string): void {
    const { layout } = this.#store;
    const held = this.pins.trees();
    const trees = this.#treesOf(slot).filter((tree) => !held.has(tree));
    this.#whileUnused(trees, () => {
      // The slot goes last: cut short before that, it is there to be removed again.
      removeFile(layout.previousLink(slot));
      removeFile(layout.link(slot));
      syncFolder(layout.root);
      for (const tree of trees) this.#discardTree(tree);
    });
  }

  /**
   * Throws trees away, durably.
   *
   * @throws {BangerError} `busy`, when one is in use: those before it have then been removed.
   */
  removeTrees(doomed: readonly string[]): void {
    let hasRemoved = false;
    try {
      for (const tree of doomed) {
        this.#whileUnused([tree], () => {
          this.#discardTree(tree);
        });
        hasRemoved = true;
      }
    } finally {
      if (hasRemoved) syncFolder(this.#store.layout.trees);
    }
  }

  #treesOf(slot: string): string[] {
    const { current, previous } = this.#store.linkedTrees(slot);
    const named = this.#store.trees().filter((tree) => slotOfTree(tree) === slot);
    const linked = [current, previous].filter((tree) => tree !== undefined);
    return [...new Set([...linked, ...named])].filter(
      (tree) => lookAt(this.#store.layout.tree(tree)) !== undefined,
    );
  }

  /** Runs `work` while nobody can begin to read these trees. @throws {BangerError} `busy`, before it */
  #whileUnused(trees: readonly string[], work: () => void): void {
    const locks: FileLock[] = [];
    try {
      for (const tree of trees) {
        const directory = this.#store.layout.tree(tree);
        const lock = FileLock.tryAcquireFolder(directory, "exclusive");
        if (lock !== undefined) {
          locks.push(lock);
        } else if (lookAt(directory) !== undefined) {
          const slot = slotOfTree(tree);
          throw new BangerError("busy", `${slot} is being used by another banger`, {
            hint: "wait until it has finished, then try again",
          });
        }
      }
      work();
    } finally {
      for (const lock of locks) lock.release();
    }
  }

  /** Throws away a tree that has been replaced; while somebody reads it, it is left to `kernel gc`. */
  #discardReplaced(tree: string): void {
    const directory = this.#store.layout.tree(tree);
    const isFolder = lookAt(directory)?.isDirectory() === true;
    const lock = isFolder ? FileLock.tryAcquireFolder(directory, "exclusive") : undefined;
    if (isFolder && lock === undefined) return;
    try {
      this.#discardTree(tree);
    } finally {
      lock?.release();
    }
  }

  #discardTree(tree: string): void {
    const { layout } = this.#store;
    makeFolder(layout.trash, privateMode);
    const grave = path.join(layout.trash, randomName());
    rename(layout.tree(tree), grave);
    removeTree(grave);
  }
}

/**
 * What a slot's link says. A link to a previous tree says the same, so that the two can change
 * places: it is a note that is read, never a path that is followed.
 */
function linkTo(tree: string): string {
  return path.join(".store", tree);
}

/**
 * Runs `work` with a new tree, which is gone afterwards unless `work` has published it.
 *
 * @throws {BangerError} `io`, `no-space`; and what `work` throws.
 */
export async function withStaged<Result>(
  store: KernelStore,
  work: (staged: StagedTree) => Promise<Result>,
): Promise<Result> {
  const staged = stage(store);
  try {
    return await work(staged);
  } finally {
    staged.discard();
    staged.close();
  }
}

function stage(store: KernelStore): StagedTree {
  makeFolder(store.layout.staging, privateMode);
  for (;;) {
    const staged = StagedTree.create(path.join(store.layout.staging, randomName()));
    if (staged !== undefined) return staged;
    // A sweeper took the folder for a dead one in the moment before it was locked.
    makeFolder(store.layout.staging, privateMode);
  }
}

/** Makes the folders that a download needs. @throws {BangerError} `io`, `no-space` */
export function prepareDownloads(store: KernelStore): void {
  makeFolder(store.layout.locks, privateMode);
  makeFolder(store.layout.parts, privateMode);
}

/** Whether processes that died have left something that the user may sweep up. */
export function needsSweep(store: KernelStore, uid: number): boolean {
  const { layout } = store;
  if (lookAt(layout.root)?.uid !== uid) return false;
  return (
    [layout.staging, layout.trash].some((folder) => listNames(folder).some(isRandomName)) ||
    [layout.root, layout.previous, layout.pins].some((folder) =>
      listNames(folder).some(isTemporaryName),
    )
  );
}

/** Removes what dead processes left. Only under the lock of the store. */
function sweep(store: KernelStore): void {
  const { layout } = store;
  if (lookAt(layout.staging) !== undefined) insideFolder(layout.staging, sweepStaging);
  if (lookAt(layout.trash) !== undefined) {
    insideFolder(layout.trash, (trash) => {
      for (const name of listNames(trash).filter(isRandomName)) removeTree(path.join(trash, name));
    });
  }
  for (const folder of [layout.root, layout.previous, layout.pins]) {
    removeTemporaryFiles(folder);
  }
}

/** Removes the staged trees whose makers have died. */
function sweepStaging(staging: string): void {
  for (const name of listNames(staging).filter(isRandomName)) {
    const directory = path.join(staging, name);
    if (lookAt(directory)?.isDirectory() === false) {
      removeFile(directory);
      continue;
    }
    const lock = FileLock.tryAcquireFolder(directory, "exclusive");
    if (lock === undefined) continue;
    removeTree(directory);
    lock.release();
  }
}
