import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { escapeControls } from "../../core/escape.ts";
import type { ChainLink } from "../../core/kernel-chain.ts";
import { formatBytes } from "../../core/sizes.ts";
import { referenceOf, type Run } from "../app.ts";
import { forEachName, type Part } from "../each.ts";
import type { Output } from "../output.ts";
import type { InstalledKernel } from "../../store/kernel-store.ts";
import type { Context } from "../../ops/context.ts";
import type { VerifyResult } from "../../ops/verify.ts";
import type { ChainResult } from "../../ops/verify-chain.ts";

interface Options {
  readonly arch?: string;
  readonly provenance?: true;
}

/**
 * `kernel verify`.
 *
 * @param releaseKeys the document of catalog/upstream-keys/fingerprints.json.
 */
export function addKernelVerify(kernel: Command, run: Run, releaseKeys: unknown): void {
  kernel
    .command("verify")
    .summary("compare installed files with what was installed")
    .description(
      "Read every installed file and compare it with the manifest; exit 4 when one is missing, changed or extra. With --provenance tell link by link who vouches for the kernel, from the signature of the catalog to its source; exit 4 when a link does not hold, not when it is missing.",
    )
    .argument("[name...]", "NAME[:ARCH][@VERSION|@sha256:HEX]; without one all installed kernels")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--provenance", "also follow the chain from the catalog's signature to the source")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { allScopes, scopeTo } = await import("../../ops/catalog-scope.ts");
        const { findKernel } = await import("../../ops/find-kernel.ts");
        const check = await checkOf(app.output, options.provenance === true, releaseKeys);
        const all: string[] = [];
        for (const context of names.length > 0 ? [] : allScopes(app.context)) {
          const store = await openStore(context, "read");
          all.push(...store.list().map(({ label, arch }) => `${label}:${arch}`));
        }
        if (names.length === 0 && all.length === 0) app.output.note("no kernels are installed");
        return forEachName(app, "kernels", names.length > 0 ? names : all, async (name) => {
          const reference = referenceOf(app, name, options.arch);
          const context = scopeTo(app.context, reference.catalog);
          const store = await openStore(context, "read");
          return check(context, await readable(findKernel(context, store, reference)));
        });
      }),
    );
}

/** What is done with each kernel, in the world as its catalog shows it. */
async function checkOf(
  output: Output,
  withChain: boolean,
  releaseKeys: unknown,
): Promise<(context: Context, kernel: InstalledKernel) => Promise<Part>> {
  if (!withChain) {
    const { verify } = await import("../../ops/verify.ts");
    return async (context, kernel) => filesPart(await verify(context, kernel));
  }
  const { verifyChain } = await import("../../ops/verify-chain.ts");
  const { readKeyList } = await import("../../core/release-keys.ts");
  const keys = readKeyList(releaseKeys, "the release keys within banger");
  return async (context, kernel) => {
    const standing = await context.standing();
    const chain = await verifyChain(context, { standing, releaseKeys: keys }, kernel);
    return chainPart(output, chain);
  };
}

function filesPart(result: VerifyResult): Part {
  const ok = result.findings.length === 0;
  const json = filesDocument(result, ok);
  return ok ? { json, text: goodNews(result) } : { json, text: "", failure: badNews(result) };
}

function chainPart(output: Output, result: ChainResult): Part {
  const { kernel, links } = result;
  const failed = links.filter(({ status }) => status === "failed");
  return {
    json: { ...filesDocument(result, failed.length === 0), links },
    text: chainText(output, `${kernel.label} (${kernel.arch})`, links),
    failure: failed.length === 0 ? undefined : brokenChain(result, failed),
  };
}

function filesDocument(
  { kernel, findings, checkedBytes }: VerifyResult,
  ok: boolean,
): Part["json"] {
  return {
    name: kernel.label,
    arch: kernel.arch,
    ok,
    checked_files: kernel.manifest.files.length,
    checked_bytes: checkedBytes,
    findings,
  };
}

const colors = { verified: "green", stated: "cyan", missing: "yellow", failed: "red" } as const;

/** A line for the kernel, and one for each link. */
function chainText(output: Output, heading: string, links: readonly ChainLink[]): string {
  const lines = links.map(({ link, status, detail }) => {
    const word = output.paint(colors[status], status.padEnd(8));
    return `  ${link.padEnd(10)}  ${word}  ${escapeControls(detail)}`;
  });
  return [output.paint("bold", heading), ...lines].join("\n");
}

function brokenChain(result: ChainResult, failed: readonly ChainLink[]): BangerError {
  const { label, arch, manifest } = result.kernel;
  const isOfCatalog = failed.every(({ link }) => link === "catalog");
  const again =
    manifest.source === "import"
      ? againOf(result)
      : `install it again: banger kernel pull --force ${label}:${arch}`;
  const list = failed.map(({ link, detail }) => `${link} (${detail})`).join("; ");
  return new BangerError("verification-failed", `${label} (${arch}) does not hold: ${list}`, {
    hint: isOfCatalog ? "to fetch the catalog again: banger catalog update" : again,
  });
}

/** A kernel whose manifest cannot be read does not verify. */
async function readable(found: Promise<InstalledKernel>): Promise<InstalledKernel> {
  try {
    return await found;
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "bad-state") throw error;
    throw new BangerError("verification-failed", error.message, { hint: error.hint, cause: error });
  }
}

function goodNews({ kernel, checkedBytes }: VerifyResult): string {
  const files = kernel.manifest.files.length;
  return `${kernel.label} (${kernel.arch}): ok, ${files} ${files === 1 ? "file" : "files"}, ${formatBytes(checkedBytes)}`;
}

function badNews(result: VerifyResult): BangerError {
  const { kernel, findings } = result;
  const list = findings.map((finding) => `${finding.path} (${finding.problem})`).join(", ");
  return new BangerError(
    "verification-failed",
    `${kernel.label} (${kernel.arch}) is damaged: ${list}`,
    {
      hint: findings.every((finding) => finding.problem === "extra")
        ? "remove the extra files from the kernel's folder"
        : againOf(result),
    },
  );
}

function againOf({ kernel }: VerifyResult): string {
  return kernel.manifest.source === "import"
    ? `import it again: banger kernel import ${kernel.name} --from …`
    : `install it again: banger kernel pull ${kernel.label}:${kernel.arch}`;
}
