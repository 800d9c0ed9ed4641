import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import type { ImageRecord } from "../../core/image-record.ts";
import { parseImageName, qualifiedName } from "../../core/kernel-name.ts";
import { defaultCatalog } from "../../core/reference.ts";
import { pathOf, referenceOf, wholeNumber, type App, type Run } from "../app.ts";
import { confirm } from "../confirm.ts";
import { forEachName } from "../each.ts";
import { renderFields, renderTable } from "../table.ts";
import type { ConfigInput, InspectedImage } from "../../ops/image-inspect.ts";
import type { ImageStore } from "../../store/images.ts";
import type { Access } from "../../store/state-folder.ts";

interface RegisterOptions {
  readonly name: string;
  readonly rootfs: string;
  readonly kernelRef: string;
  readonly arch?: string;
  readonly bootArgs?: string;
  readonly readOnly?: true;
  readonly pin?: true;
  readonly force?: true;
}

interface ConfigOptions {
  readonly vcpus: string;
  readonly mem: string;
  readonly tap?: string;
  readonly mac?: string;
  readonly vsockCid?: string;
  readonly vsockUds?: string;
}

/** `image register`, `list`, `show`, `rm` and `config`. */
export function addImage(image: Command, run: Run): void {
  image
    .command("register")
    .summary("join a root filesystem with a kernel")
    .description("Join a root filesystem that you have with an installed kernel, under a name.")
    .requiredOption("--name <name>", "what to call the image")
    .requiredOption("--rootfs <path>", "a file or block device with a root filesystem")
    .requiredOption(
      "--kernel-ref <ref>",
      "NAME[:ARCH][@VERSION|@sha256:HEX] of an installed kernel",
    )
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--boot-args <args>", "kernel arguments in place of the default ones")
    .option("--read-only", "give the root filesystem to the guest read-only")
    .option("--pin", "hold this very build of the kernel, also after later pulls")
    .option("-f, --force", "replace an image of that name")
    .action(
      run(async (app, _names, options: RegisterOptions) => {
        const { registerImage } = await import("../../ops/image-register.ts");
        const name = parseImageName(options.name);
        const reference = referenceOf(app, options.kernelRef, options.arch);
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const images = await openImages(app, "write");
        const context = scopeTo(app.context, reference.catalog);
        const result = await registerImage(context, await openStore(context, "write"), images, {
          name,
          rootfs: pathOf(options.rootfs, "--rootfs"),
          kernel: reference,
          bootArgs: options.bootArgs,
          readOnly: options.readOnly === true,
          pin: options.pin === true,
          force: options.force === true,
        });
        const { kernel, record, outcome } = result;
        const verb = outcome === "current" ? "is registered already" : `is ${outcome}`;
        app.output.note(
          `${name} ${verb}: ${record.rootfs} (${record.file_system}) with ${kernel.label}, Linux ${kernel.manifest.kernel_version}`,
        );
        return {
          json: { outcome, ...imageDocument({ record, kernel, problem: undefined }) },
          text: "",
        };
      }),
    );

  image
    .command("list")
    .alias("ls")
    .summary("list registered images")
    .action(
      run(async (app) => {
        const { listImages } = await import("../../ops/image-inspect.ts");
        const listed = listImages(app.context, await openImages(app, "read"));
        if (listed.length === 0) app.output.note("no images are registered");
        return {
          json: { images: listed.map(imageDocument) },
          text: listed.length === 0 ? "" : listText(app, listed),
        };
      }),
    );

  image
    .command("show")
    .alias("inspect")
    .summary("show a registered image")
    .argument("<name>")
    .action(
      run(async (app, names) => {
        const { showImage } = await import("../../ops/image-inspect.ts");
        const images = await openImages(app, "read");
        const shown = showImage(app.context, images, parseImageName(names[0] ?? ""));
        return { json: imageDocument(shown), text: showText(app, shown) };
      }),
    );

  image
    .command("rm")
    .alias("remove")
    .summary("forget registered images; their root filesystems stay")
    .argument("<name...>")
    .option("-y, --yes", "do not ask")
    .action(
      run(async (app, names, options: { readonly yes?: true }) => {
        const { removeImage } = await import("../../ops/image-inspect.ts");
        for (const name of names) parseImageName(name);
        const images = await openImages(app, "write");
        await confirm(app, `Forget ${names.join(", ")}?`, options.yes === true);
        return forEachName(app, "removed", names, async (name) => {
          const record = await removeImage(app.context, images, parseImageName(name));
          const rootfs = record?.rootfs ?? null;
          app.output.note(`${name} is forgotten; ${rootfs ?? "its root filesystem"} stays`);
          return { json: { name, rootfs }, text: "" };
        });
      }),
    );

  image
    .command("config")
    .summary("print what firecracker --config-file reads")
    .description("Print the configuration with which Firecracker starts the image.")
    .argument("<name>")
    .option("--vcpus <count>", "virtual CPUs", "1")
    .option("--mem <mib>", "memory in MiB", "256")
    .option("--tap <device>", "a tap device of the host, for the network")
    .option("--mac <address>", "the guest's MAC address")
    .option("--vsock-cid <cid>", "the guest's vsock address")
    .option("--vsock-uds <path>", "the Unix socket that stands for the vsock on the host")
    .action(
      run(async (app, names, options: ConfigOptions) => {
        const { configureImage } = await import("../../ops/image-inspect.ts");
        const input = configInput(options);
        const images = await openImages(app, "read");
        const config = configureImage(app.context, images, parseImageName(names[0] ?? ""), input);
        return { json: config, text: JSON.stringify(config, undefined, 2) };
      }),
    );
}

/** The records of images. @throws {BangerError} `bad-state`, `io` */
export async function openImages(app: App, access: Access): Promise<ImageStore> {
  const { ImageStore } = await import("../../store/images.ts");
  return ImageStore.open(app.context.environment, access);
}

function configInput(options: ConfigOptions): ConfigInput {
  const { tap, mac, vsockCid, vsockUds } = options;
  if ((vsockCid === undefined) !== (vsockUds === undefined)) {
    throw new BangerError("usage", "--vsock-cid and --vsock-uds go together");
  }
  const vsock =
    vsockCid === undefined || vsockUds === undefined
      ? undefined
      : {
          guestCid: wholeNumber(vsockCid, "--vsock-cid"),
          udsPath: pathOf(vsockUds, "--vsock-uds"),
        };
  return {
    vcpuCount: wholeNumber(options.vcpus, "--vcpus"),
    memSizeMib: wholeNumber(options.mem, "--mem"),
    tap,
    mac,
    vsock,
  };
}

function imageDocument(image: InspectedImage): Readonly<Record<string, unknown>> {
  const { record, kernel, problem } = image;
  return {
    name: record.name,
    rootfs: record.rootfs,
    file_system: record.file_system,
    read_only: record.read_only,
    boot_args: record.boot_args ?? null,
    registered_at: record.registered_at,
    kernel: {
      ...record.kernel,
      catalog: record.kernel.catalog ?? defaultCatalog,
      name: labelOf(record),
      kernel_version: kernel?.manifest.kernel_version ?? null,
      path:
        kernel === undefined
          ? null
          : record.kernel.pinned
            ? kernel.treeDirectory
            : kernel.directory,
    },
    problem: problem?.message ?? null,
  };
}

function labelOf({ kernel }: ImageRecord): string {
  return qualifiedName(kernel.catalog, kernel.name);
}

function listText(app: App, listed: readonly InspectedImage[]): string {
  return renderTable(
    app.output,
    [
      { heading: "NAME" },
      { heading: "KERNEL" },
      { heading: "VERSION" },
      { heading: "STATUS" },
      { heading: "ROOTFS", flexible: true },
    ],
    listed.map(({ record, kernel, problem }) => [
      record.name,
      `${labelOf(record)}:${record.kernel.arch}${record.kernel.pinned ? " (pinned)" : ""}`,
      kernel?.manifest.kernel_version ?? "?",
      problem === undefined ? "ok" : kernel === undefined ? "no kernel" : "no rootfs",
      record.rootfs,
    ]),
  );
}

function showText(app: App, { record, kernel, problem }: InspectedImage): string {
  const follows = record.kernel.pinned ? "pinned to this build" : "follows the name";
  return renderFields(app.output, [
    ["name", record.name],
    ["rootfs", `${record.rootfs} (${record.file_system}${record.read_only ? ", read-only" : ""})`],
    ["kernel", `${labelOf(record)}:${record.kernel.arch}, ${follows}`],
    ["version", kernel?.manifest.kernel_version ?? "?"],
    ["boot args", record.boot_args ?? "the default of the architecture"],
    ["registered", record.registered_at],
    ["status", problem?.message ?? "ok"],
  ]);
}
