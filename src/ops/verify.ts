import { FileLock } from "../io/lock.ts";
import { checkKernel, type Finding } from "../store/integrity.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import { BangerError } from "../core/errors.ts";
import type { Context } from "./context.ts";

export interface VerifyResult {
  readonly kernel: InstalledKernel;
  readonly findings: readonly Finding[];
  readonly checkedBytes: number;
}

/**
 * Reads every byte of an installed kernel and compares it with its manifest.
 *
 * @throws {BangerError} `not-found`, when it is removed meanwhile; `io`.
 */
export function verify(context: Context, kernel: InstalledKernel): VerifyResult {
  const totalBytes = kernel.manifest.files.reduce((sum, file) => sum + file.size_bytes, 0);
  let checkedBytes = 0;
  const findings = usingKernel(kernel, () =>
    checkKernel(kernel, (sizeBytes) => {
      context.signal.throwIfAborted();
      checkedBytes += sizeBytes;
      context.report({
        kind: "bytes",
        name: kernel.name,
        stage: "verify",
        doneBytes: checkedBytes,
        totalBytes,
      });
    }),
  );
  return { kernel, findings, checkedBytes };
}

/**
 * Runs `work` while nobody can remove the kernel's files.
 *
 * @throws {BangerError} `busy`, when it is being removed at this moment; and what `work` throws.
 */
export function usingKernel<Result>(kernel: InstalledKernel, work: () => Result): Result {
  const lock = FileLock.tryAcquireFolder(kernel.treeDirectory, "shared");
  if (lock === undefined) {
    throw new BangerError("busy", `${kernel.name} is being removed or replaced at this moment`);
  }
  try {
    return work();
  } finally {
    lock.release();
  }
}
