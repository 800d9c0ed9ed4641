import { BangerError } from "../core/errors.ts";
import { FileLock } from "../io/lock.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";

/**
 * Keeps everybody from removing an installed kernel's files until it is disposed of.
 *
 * @throws {BangerError} `busy`, when it is being removed at this moment.
 */
export function holdKernel({ name, treeDirectory }: InstalledKernel): Disposable {
  const lock = FileLock.tryAcquireFolder(treeDirectory, "shared");
  if (lock === undefined) {
    throw new BangerError("busy", `${name} is being removed or replaced at this moment`);
  }
  return {
    [Symbol.dispose]() {
      lock.release();
    },
  };
}
