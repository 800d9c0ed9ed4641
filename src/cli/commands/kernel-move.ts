import type { Command } from "commander";
import { pathOf, referenceOf, type Run } from "../app.ts";
import { kernelDocument } from "../documents.ts";

interface ArchOption {
  readonly arch?: string;
}

interface ExportOptions extends ArchOption {
  readonly vmlinux?: true;
}

/** `kernel export` and `kernel rollback`. */
export function addKernelMove(kernel: Command, run: Run): void {
  kernel
    .command("export")
    .summary("copy an installed kernel out of the store")
    .description("Copy an installed kernel to a new folder, or its vmlinux to a file.")
    .argument("<name>", "NAME[:ARCH][@VERSION|@sha256:HEX]")
    .argument("<destination>", "a path that does not exist yet")
    .option("--vmlinux", "only the kernel image")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, names, options: ExportOptions) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { exportKernel } = await import("../../ops/export.ts");
        const { findKernel } = await import("../../ops/find-kernel.ts");
        const [name = "", destination = ""] = names;
        const reference = referenceOf(app, name, options.arch);
        const context = scopeTo(app.context, reference.catalog);
        const store = await openStore(context, "read");
        const installed = await findKernel(context, store, reference);
        const path = exportKernel(
          installed,
          pathOf(destination, "the destination"),
          options.vmlinux === true,
        );
        return { json: { name: installed.label, arch: installed.arch, path }, text: path };
      }),
    );

  kernel
    .command("rollback")
    .summary("go back to the build before the current one")
    .description(
      "Make the build that was installed before the current one; a second time undoes it.",
    )
    .argument("<name>", "NAME[:ARCH]")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, names, options: ArchOption) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { rollback } = await import("../../ops/rollback.ts");
        const reference = referenceOf(app, names[0] ?? "", options.arch);
        const context = scopeTo(app.context, reference.catalog);
        const store = await openStore(context, "write");
        const { from, to } = await rollback(context, store, reference);
        const kernelNow = kernelDocument(to);
        app.output.note(
          `${to.label} (${to.arch}) is Linux ${to.manifest.kernel_version} again, was ${from?.manifest.kernel_version ?? "damaged"}`,
        );
        return { json: { ...kernelNow, before: from?.manifest.kernel_version ?? null }, text: "" };
      }),
    );
}
