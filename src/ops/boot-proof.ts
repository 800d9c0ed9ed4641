import {
  bootKind,
  type BootProof,
  bootSummary,
  type BootSummary,
  formatBootProof,
} from "../core/boot-proof.ts";
import type { CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { FeatureTag } from "../core/feature-tags.ts";
import { judgeKernel, requireWay } from "../core/kernel-facts.ts";
import { now } from "../io/clock.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import { bootKernel, type BootReport } from "./boot-kernel.ts";
import type { Context } from "./context.ts";
import { inspectKernel } from "./inspect-kernel.ts";
import { installedTarget } from "./kernel-target.ts";
import { type MadeSidecar, makeSidecar } from "./sidecars.ts";

/** A boot takes some seconds; this is for a busy machine without KVM. */
const bootTimeoutS = 120;

/**
 * Makes sure that a kernel is one that Firecracker boots, as far as its bytes can tell.
 *
 * @returns what it can do.
 * @throws {BangerError} `wrong-image`; `refused`, when its configuration is not known.
 */
export function requireChecked(
  context: Context,
  kernel: InstalledKernel,
): { readonly features: readonly FeatureTag[] } {
  const facts = inspectKernel(context, installedTarget(kernel));
  const verdicts = judgeKernel(facts);
  requireWay(facts, verdicts);
  if (facts.config === undefined) {
    throw new BangerError("refused", `the configuration of ${kernel.name} is not known`, {
      hint: "build it with CONFIG_IKCONFIG, or import it with its kernel.config beside vmlinux",
    });
  }
  const features = verdicts.tags.filter(({ verdict }) => verdict === "yes").map(({ tag }) => tag);
  return { features };
}

export interface BootProofInput {
  /** With `vmlinux_sha256`. */
  readonly entry: CatalogEntry;
  readonly kernel: InstalledKernel;
  readonly baseUrl: string;
  /** Like `banger-maint 0.1.0`. */
  readonly program: string;
}

/**
 * Boots an installed kernel, and writes down what was seen.
 *
 * @throws {BangerError} `refused`, when it does not prove itself; as {@link bootKernel}.
 */
export async function newBootProof(
  context: Context,
  input: BootProofInput,
): Promise<MadeSidecar & { readonly summary: BootSummary }> {
  const { entry, kernel } = input;
  if (entry.vmlinux_sha256 === undefined) throw new Error("packing tells the hash of the kernel");
  const report = await bootKernel(context, {
    target: installedTarget(kernel),
    vmm: "auto",
    root: "disk",
    initrd: undefined,
    memoryMib: undefined,
    timeoutS: bootTimeoutS,
    bootArgs: undefined,
    without: new Set(),
  });
  const proof: BootProof = {
    version: 1,
    kind: bootKind,
    name: entry.name,
    arch: entry.arch,
    kernel_version: entry.kernel_version,
    tarball_sha256: entry.tarball_sha256,
    vmlinux_sha256: entry.vmlinux_sha256,
    booted_at: now(),
    booted_by: input.program,
    vmm: report.vmm.name,
    vmm_version: report.vmmVersion,
    machine: report.vmm.machine,
    accelerator: report.vmm.accelerator,
    root: report.root,
    memory_mib: report.memoryMib,
    ...provenParts(kernel, entry, report),
    wall_ms: report.wallMs,
  };
  return { ...makeSidecar(input, bootKind, formatBootProof(proof)), summary: bootSummary(proof) };
}

function provenParts(
  kernel: InstalledKernel,
  entry: CatalogEntry,
  report: BootReport,
): Pick<BootProof, "kernel_ms" | "probes"> {
  const { proven, kernelMs, facts } = report;
  const probes = report.probes.flatMap(({ id, status, detail }) =>
    status === "fail" ? [] : [{ id, status, detail }],
  );
  const isOfTarball = facts.sha256 === entry.vmlinux_sha256;
  if (proven && isOfTarball && kernelMs !== undefined) return { kernel_ms: kernelMs, probes };
  const why = isOfTarball ? (report.cause ?? "no time was told") : "its image changed meanwhile";
  throw new BangerError("refused", `${kernel.name} does not prove itself: ${why}`, {
    hint: `see it yourself: banger kernel boot ${kernel.name}:${kernel.arch}`,
  });
}
