import { checkKernel, type Finding } from "../store/integrity.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import type { Context } from "./context.ts";
import { holdKernel } from "./hold-kernel.ts";

export interface VerifyResult {
  readonly kernel: InstalledKernel;
  readonly findings: readonly Finding[];
  readonly checkedBytes: number;
}

/**
 * Reads every byte of an installed kernel and compares it with its manifest.
 *
 * @throws {BangerError} `not-found`, when it is removed meanwhile; `io`; the signal's reason.
 */
export async function verify(context: Context, kernel: InstalledKernel): Promise<VerifyResult> {
  const totalBytes = kernel.manifest.files.reduce((sum, file) => sum + file.size_bytes, 0);
  let checkedBytes = 0;
  using _held = holdKernel(kernel);
  const findings = await checkKernel(kernel, {
    signal: context.signal,
    onBytes: (doneBytes) => {
      checkedBytes = doneBytes;
      context.report({ kind: "bytes", name: kernel.name, stage: "verify", doneBytes, totalBytes });
    },
  });
  return { kernel, findings, checkedBytes };
}
