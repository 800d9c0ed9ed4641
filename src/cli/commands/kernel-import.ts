import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { parseKernelName } from "../../core/kernel-name.ts";
import { archOf, kernelVersionOf, pathOf, type Run } from "../app.ts";
import { kernelDocument } from "../documents.ts";

interface Options {
  readonly from: string;
  readonly distro: string;
  readonly arch: string;
  readonly kernelVersion?: string;
  readonly force?: true;
}

const distroPattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;

/** `kernel import`. */
export function addKernelImport(kernel: Command, run: Run): void {
  kernel
    .command("import")
    .summary("install a kernel that you have")
    .description(
      "Install a kernel from a folder with the layout of a bundle (vmlinux, initrd.img, modules/), or from a bare kernel image.",
    )
    .argument("<name>", "what to call it, like mine-6.12")
    .requiredOption("--from <path>", "the folder, or the kernel image")
    .requiredOption("--distro <distro>", "where it is from, like generic or debian")
    .requiredOption("--arch <arch>", "x86_64 or arm64")
    .option("--kernel-version <version>", "its version; read from the image when not given")
    .option("-f, --force", "also in place of a kernel from the catalog")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { importKernel } = await import("../../ops/import.ts");
        const name = parseKernelName(names[0] ?? "");
        const arch = archOf(options.arch) ?? app.context.environment.hostArch;
        const { distro, from } = options;
        const kernelVersion =
          options.kernelVersion === undefined ? undefined : kernelVersionOf(options.kernelVersion);
        if (!distroPattern.test(distro)) {
          throw new BangerError("usage", `${JSON.stringify(distro)} is not a distribution`, {
            hint: "a distribution is lower-case letters, digits, dots and dashes, like generic",
          });
        }
        const store = await openStore(app.context, "write");
        const force = options.force === true;
        const result = await importKernel(app.context, store, {
          name,
          from: pathOf(from, "--from"),
          distro,
          arch,
          kernelVersion,
          force,
        });
        const what = `${name} (Linux ${result.kernel.manifest.kernel_version}, ${arch})`;
        const done =
          result.outcome === "current"
            ? "is imported already, file by file"
            : `is imported to ${result.kernel.directory}`;
        app.output.note(`${what} ${done}`);
        return { json: { outcome: result.outcome, ...kernelDocument(result.kernel) }, text: "" };
      }),
    );
}
