import { isSha256, type Sha256 } from "../core/sha256.ts";
import { listNames, removeFile, syncFolder } from "../io/files.ts";
import { FileLock, holderLabel } from "../io/lock.ts";
import { stampOf, walkTree } from "../io/tree-reader.ts";
import type { KernelStore } from "../store/kernel-store.ts";
import { change, type Context } from "./context.ts";

export interface Garbage {
  readonly kind: "build" | "download";
  /** The tree's name, or the SHA-256 of the tarball. */
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Removes builds that no name, rollback or image needs, and downloads that were cut short.
 *
 * @param dryRun only tells what would be removed.
 * @throws {BangerError} `bad-state`, `busy`, `io`.
 */
export async function collectGarbage(
  context: Context,
  store: KernelStore,
  dryRun: boolean,
): Promise<Garbage[]> {
  const builds = await change(context, store, "collecting garbage", (transaction) => {
    transaction.pins.sweep(context.environment.stateDir, store.catalog);
    const needed = new Set<string | undefined>(transaction.pins.trees());
    for (const slot of store.slots()) {
      const { current, previous } = store.linkedTrees(slot);
      needed.add(current);
      needed.add(previous);
    }
    const unneeded = store.trees().filter((tree) => !needed.has(tree));
    const garbage = unneeded.map((tree): Garbage => {
      return { kind: "build", name: tree, sizeBytes: treeSize(store.layout.tree(tree)) };
    });
    if (!dryRun) transaction.removeTrees(unneeded);
    return garbage;
  });
  return [...builds, ...unfinishedDownloads(store, dryRun)];
}

function treeSize(directory: string): number {
  let sizeBytes = 0;
  for (const item of walkTree(directory)) if (item.kind === "file") sizeBytes += item.sizeBytes;
  return sizeBytes;
}

function unfinishedDownloads(store: KernelStore, dryRun: boolean): Garbage[] {
  const { layout } = store;
  const garbage: Garbage[] = [];
  for (const sha256 of bundlesWithTraces(store)) {
    const lock = FileLock.tryAcquire(layout.bundleLock(sha256), holderLabel("collecting garbage"));
    // Whoever holds the lock is downloading right now.
    if (lock === undefined) continue;
    const part = layout.part(sha256);
    const sizeBytes = stampOf(part)?.sizeBytes;
    if (sizeBytes !== undefined) garbage.push({ kind: "download", name: sha256, sizeBytes });
    if (!dryRun) {
      removeFile(part);
      removeFile(`${part}.origin`);
    }
    // With it goes the file of a lock whose holder was killed.
    lock.release();
  }
  if (!dryRun && garbage.length > 0) syncFolder(store.layout.parts);
  return garbage;
}

/** The bundles that somebody has begun to download, and perhaps left nothing of but a lock file. */
function bundlesWithTraces({ layout }: KernelStore): Set<Sha256> {
  const parts = listNames(layout.parts).map((file) => file.replace(/\.part(?:\.origin)?$/, ""));
  return new Set([...parts, ...listNames(layout.locks)].filter((name) => isSha256(name)));
}
