import type { Command } from "commander";
import { formatBytes } from "../../core/sizes.ts";
import { pathOf, type Run } from "../app.ts";

interface Options {
  readonly output: string;
}

/** `kernel extract`. */
export function addKernelExtract(kernel: Command, run: Run): void {
  kernel
    .command("extract")
    .summary("get the kernel out of a bzImage or a compressed file")
    .description(
      "Unwrap a kernel that Firecracker cannot load as it is: bzImage (vmlinuz), vmlinuz.efi, or gzip, xz, zstd, bzip2, lz4, lzma or lzo.",
    )
    .argument("<file>", "the wrapped kernel")
    .requiredOption("-o, --output <file>", "a file that does not exist yet, or a folder")
    .action(
      run(async (app, [source = ""], options: Options) => {
        const { extractKernel } = await import("../../ops/extract-kernel.ts");
        const extracted = await extractKernel(
          app.context,
          pathOf(source, "the file"),
          pathOf(options.output, "--output"),
        );
        const { file, sizeBytes, arch, wrappings } = extracted;
        app.output.note(`${formatBytes(sizeBytes)} for ${arch}, out of ${wrappings.join(", ")}`);
        return { json: { file, size_bytes: sizeBytes, arch, wrappings }, text: file };
      }),
    );
}
