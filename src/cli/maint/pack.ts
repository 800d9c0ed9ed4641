import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { parseKernelName } from "../../core/kernel-name.ts";
import { kernelLine } from "../../core/kernel-version.ts";
import { now } from "../../io/clock.ts";
import { putEntry } from "../../ops/catalog-edit.ts";
import { packBundle } from "../../ops/pack-bundle.ts";
import { archOf, kernelVersionOf, pathOf, type Run } from "../app.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly from: string;
  readonly name: string;
  readonly distro: string;
  readonly arch: string;
  readonly kernelVersion: string;
  readonly out: string;
  readonly description: string;
  readonly catalog: string;
}

/** `pack`. */
export function addPack(program: Command, run: Run, repository: Repository): void {
  program
    .command("pack")
    .summary("pack a folder into a tarball and name it in the catalog")
    .description(
      "Pack a folder with the layout of a bundle into a content-addressed tarball, and name it in the catalog. Uploads nothing: publish does all of it.",
    )
    .requiredOption("--from <folder>", "the folder: vmlinux and what else bundles hold")
    .requiredOption("--name <name>", "name of the entry, like generic-6.12")
    .requiredOption("--distro <distro>", "like generic or debian")
    .requiredOption("--arch <arch>", "x86_64 or arm64")
    .requiredOption("--kernel-version <version>", "like 6.12.117")
    .requiredOption("--description <text>", "what people read in the list")
    .option("--out <folder>", "where the tarball goes", repository.bundles)
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .action(
      run(async (app, _names, options: Options) => {
        const name = parseKernelName(options.name);
        const kernelVersion = kernelVersionOf(options.kernelVersion);
        const arch = archOf(options.arch) ?? app.context.environment.hostArch;
        const wantedName = `${options.distro}-${kernelLine(kernelVersion)}`;
        if (name !== wantedName) {
          throw new BangerError("usage", `--name is ${name}, expected ${wantedName}`);
        }
        const { description, distro, catalog } = options;
        const [from, out] = [pathOf(options.from, "--from"), pathOf(options.out, "--out")];
        const { signal } = app.context;
        const input = { from, out, name, distro, arch, kernelVersion, description, signal };
        const { file, entry } = await packBundle(input);
        const { change, serial } = putEntry(catalog, entry, now());
        app.output.note(
          `${file}: ${entry.size_bytes} bytes, ${entry.unpacked_bytes} unpacked\n` +
            `${catalog}: ${change === "none" ? "nothing changed" : `entry ${change}`}, serial ${serial}`,
        );
        return { json: { file, entry, change, serial }, text: "" };
      }),
    );
}
