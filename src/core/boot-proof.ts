import * as v from "valibot";
import type { Arch } from "./arch.ts";
import type { KernelName } from "./kernel-name.ts";
import type { KernelVersion } from "./kernel-version.ts";
import type { Sha256 } from "./sha256.ts";
import { parseSidecarText, sidecarIdentity, sidecarLine, sidecarTime } from "./sidecar-text.ts";

/** The kind of the sidecars that hold a {@link BootProof}. */
export const bootKind = "boot";

/** The short form of a proof, as it stands in the catalog. */
export interface BootSummary {
  readonly vmm: "qemu" | "firecracker";
  readonly machine: "microvm" | "virt" | "firecracker";
  readonly accelerator: "kvm" | "tcg";
  /** From the start of the kernel to init, on the guest's clock. */
  readonly kernel_ms: number;
}

/**
 * That a kernel booted and worked: the content of a sidecar of kind `boot`. Only a program writes it, from
 * what it has seen.
 *
 * @see docs/formats/catalog.md
 */
export interface BootProof extends BootSummary {
  readonly version: 1;
  readonly kind: typeof bootKind;
  readonly name: KernelName;
  readonly arch: Arch;
  readonly kernel_version: KernelVersion;
  readonly tarball_sha256: Sha256;
  readonly vmlinux_sha256: Sha256;
  /** RFC 3339, UTC. */
  readonly booted_at: string;
  /** Like `banger 0.1.0`. */
  readonly booted_by: string;
  readonly vmm_version: string;
  readonly root: "disk" | "initramfs" | "initrd";
  readonly memory_mib: number;
  /** From the start of the monitor to its end. */
  readonly wall_ms: number;
  readonly probes: readonly {
    readonly id: string;
    readonly status: "pass" | "absent" | "not-testable";
    readonly detail: string;
  }[];
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const summaryFields = {
  vmm: v.picklist(["qemu", "firecracker"], "must be qemu or firecracker"),
  machine: v.picklist(["microvm", "virt", "firecracker"], "must be microvm, virt or firecracker"),
  accelerator: v.picklist(["kvm", "tcg"], "must be kvm or tcg"),
  kernel_ms: v.pipe(
    v.number("must be a whole number of milliseconds"),
    v.safeInteger("must be a whole number of milliseconds"),
    v.minValue(0, "must be at least 0"),
  ),
};

/** Reads a short form. */
export const bootSummarySchema: v.GenericSchema<unknown, BootSummary> = v.object(
  summaryFields,
  "must be an object",
);

/** The fields of a short form, in the order in which they are written. */
export const bootSummaryKeys: readonly string[] = Object.keys(summaryFields);

const schema = v.object({
  version: v.literal(1),
  kind: v.literal(bootKind),
  ...sidecarIdentity,
  booted_at: sidecarTime,
  booted_by: sidecarLine,
  ...summaryFields,
  vmm_version: sidecarLine,
  root: v.picklist(["disk", "initramfs", "initrd"]),
  memory_mib: count,
  wall_ms: count,
  probes: v.pipe(
    v.array(
      v.object({
        id: sidecarLine,
        status: v.picklist(["pass", "absent", "not-testable"]),
        detail: v.pipe(v.string(), v.maxLength(400)),
      }),
    ),
    v.minLength(1),
    v.maxLength(100),
  ),
});

/**
 * Reads a sidecar of kind `boot`.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `verification-failed`, naming the field.
 */
export function parseBootProof(json: string, origin: string): BootProof {
  return parseSidecarText(schema, json, `${origin} is no proof of a boot`);
}

/** The proof as it is written: two-space JSON, fields in a fixed order, a final newline. */
export function formatBootProof(proof: BootProof): string {
  const ordered: BootProof = {
    version: proof.version,
    kind: proof.kind,
    name: proof.name,
    arch: proof.arch,
    kernel_version: proof.kernel_version,
    tarball_sha256: proof.tarball_sha256,
    vmlinux_sha256: proof.vmlinux_sha256,
    booted_at: proof.booted_at,
    booted_by: proof.booted_by,
    vmm: proof.vmm,
    vmm_version: proof.vmm_version,
    machine: proof.machine,
    accelerator: proof.accelerator,
    root: proof.root,
    memory_mib: proof.memory_mib,
    kernel_ms: proof.kernel_ms,
    wall_ms: proof.wall_ms,
    probes: proof.probes.map(({ id, status, detail }) => ({ id, status, detail })),
  };
  return `${JSON.stringify(ordered, undefined, 2)}\n`;
}

/** What the catalog says of a proof. */
export function bootSummary(proof: BootSummary): BootSummary {
  const { vmm, machine, accelerator, kernel_ms } = proof;
  return { vmm, machine, accelerator, kernel_ms };
}

/**
 * A short form in words. It names the monitor, so that nobody takes QEMU for Firecracker.
 *
 * @example
 * bootWords(summary); // "qemu-microvm/tcg 1.36 s"
 */
export function bootWords({ vmm, machine, accelerator, kernel_ms }: BootSummary): string {
  const where = vmm === "firecracker" ? vmm : `${vmm}-${machine}`;
  return `${where}/${accelerator} ${(kernel_ms / 1000).toFixed(2)} s`;
}
