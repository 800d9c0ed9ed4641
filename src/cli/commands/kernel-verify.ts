import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { formatBytes } from "../../core/sizes.ts";
import { referenceOf, type Run } from "../app.ts";
import { forEachName } from "../each.ts";
import type { InstalledKernel } from "../../store/kernel-store.ts";
import type { VerifyResult } from "../../ops/verify.ts";

interface Options {
  readonly arch?: string;
}

/** `kernel verify`. */
export function addKernelVerify(kernel: Command, run: Run): void {
  kernel
    .command("verify")
    .summary("compare installed files with what was installed")
    .description(
      "Read every installed file and compare it with the manifest; exit 4 when one is missing, changed or extra.",
    )
    .argument("[name...]", "NAME[:ARCH][@VERSION|@sha256:HEX]; without one all installed kernels")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { allScopes, scopeTo } = await import("../../ops/catalog-scope.ts");
        const { findKernel } = await import("../../ops/find-kernel.ts");
        const { verify } = await import("../../ops/verify.ts");
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
          const installed = await readable(findKernel(context, store, reference));
          const result = verify(app.context, installed);
          const ok = result.findings.length === 0;
          const json = {
            name: installed.label,
            arch: installed.arch,
            ok,
            checked_files: installed.manifest.files.length,
            checked_bytes: result.checkedBytes,
            findings: result.findings,
          };
          return ok
            ? { json, text: goodNews(result) }
            : { json, text: "", failure: badNews(result) };
        });
      }),
    );
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

function badNews({ kernel, findings }: VerifyResult): BangerError {
  const list = findings.map((finding) => `${finding.path} (${finding.problem})`).join(", ");
  const again =
    kernel.manifest.source === "import"
      ? `import it again: banger kernel import ${kernel.name} --from …`
      : `install it again: banger kernel pull ${kernel.label}:${kernel.arch}`;
  return new BangerError(
    "verification-failed",
    `${kernel.label} (${kernel.arch}) is damaged: ${list}`,
    {
      hint: findings.every((finding) => finding.problem === "extra")
        ? "remove the extra files from the kernel's folder"
        : again,
    },
  );
}
