/** A kernel with a provenance, as a bundle has it and as somebody may have changed it since. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildFacts, formatProvenance } from "../../src/core/provenance.ts";
import { isSha256, type Sha256 } from "../../src/core/sha256.ts";
import { documentOf, valueAt } from "./answers.ts";
import { buildFacts, hashOf } from "./build-facts.ts";
import type { BundleEntry, BundleFiles, Sandbox } from "./sandbox.ts";
import { smallKernel } from "./small-kernel.ts";

/** A release key of kernel.org, as catalog/upstream-keys has it. */
export const releaseKey = {
  kind: "signature",
  holder: "Greg Kroah-Hartman",
  fingerprint: "647F28654894E3BD457199BE38DBBDC86092693E",
} as const;

const vmlinux = smallKernel();
const config = "CONFIG_PROVENANCE=y\n";

/** The text of a provenance of that kernel, of a source that is pinned by its hash. */
export function provenanceText(changes: Partial<BuildFacts> = {}): string {
  const outputs = { vmlinux: sha256(vmlinux), "kernel.config": sha256(config) };
  return formatProvenance({ ...buildFacts(), trust: { kind: "hash" }, outputs, ...changes });
}

/** A bundle in the sandbox's mirror, and an entry that tells all that an entry can tell. */
export function provenBundle(
  sandbox: Sandbox,
  changes: { readonly name?: string; readonly files?: BundleFiles } = {},
): BundleEntry & Readonly<Record<string, unknown>> {
  const { name = "generic-6.12", files = { "provenance.json": provenanceText() } } = changes;
  const bundle = sandbox.bundle({ name, files: { vmlinux, "kernel.config": config, ...files } });
  const boot = { vmm: "qemu", machine: "microvm", accelerator: "tcg", kernel_ms: 1360 };
  const url = "https://kernels.invalid/proof.json";
  const sidecars = [{ kind: "boot", url, sha256: hashOf("a"), size_bytes: 1 }];
  return { ...bundle, vmlinux_sha256: sha256(vmlinux), boot, sidecars };
}

/** Somebody with the user's rights changes a file of an installed kernel, and what the manifest says of it. */
export function rewrite(sandbox: Sandbox, file: string, bytes: string | Uint8Array): void {
  const folder = join(sandbox.state, "kernels/generic-6.12");
  const before = sha256(readFileSync(join(folder, file)));
  writeFileSync(join(folder, file), bytes);
  const manifest = join(folder, "manifest.json");
  const text = readFileSync(manifest, "utf8");
  if (!text.includes(before)) throw new Error(`the manifest does not know ${file}`);
  const sizeBytes = Buffer.byteLength(bytes);
  const changed = text
    .replace(before, sha256(bytes))
    .replace(new RegExp(`("path": "${file}",\\s+"size_bytes": )\\d+`), `$1${sizeBytes}`);
  writeFileSync(manifest, changed);
}

/** What `kernel verify --provenance` says of a kernel: link → status, and link → detail. */
export async function chainOf(
  sandbox: Sandbox,
  name: string,
  exitCode = 0,
): Promise<{ readonly status: Record<string, string>; readonly detail: Record<string, string> }> {
  const words = ["kernel", "verify", "--provenance", "--json", name];
  const document = documentOf(await sandbox.banger(words), exitCode);
  const links = valueAt(document, "kernels.0.links");
  const status: Record<string, string> = {};
  const detail: Record<string, string> = {};
  for (const each of Array.isArray(links) ? links : []) {
    const link = String(valueAt(each, "link"));
    status[link] = String(valueAt(each, "status"));
    detail[link] = String(valueAt(each, "detail"));
  }
  return { status, detail };
}

function sha256(bytes: string | Uint8Array): Sha256 {
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (!isSha256(digest)) throw new Error(`${digest} is a SHA-256`);
  return digest;
}
