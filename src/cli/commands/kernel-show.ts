import path from "node:path";
import type { Command } from "commander";
import { bootWords } from "../../core/boot-proof.ts";
import { bundleNames } from "../../core/bundle-tree.ts";
import { BangerError } from "../../core/errors.ts";
import { fileDigest } from "../../core/manifest.ts";
import { formatBytes } from "../../core/sizes.ts";
import type { Notices } from "../../ops/kernel-notices.ts";
import type { Origin } from "../../ops/origin.ts";
import { referenceOf, type Run } from "../app.ts";
import { kernelDocument, sizeOf } from "../documents.ts";
import { noticesDocument, supportWords, withdrawnWords } from "../notices.ts";
import { renderFields } from "../table.ts";
import type { InstalledKernel } from "../../store/kernel-store.ts";

interface Options {
  readonly arch?: string;
}

/** `kernel show` and `kernel path`. */
export function addKernelShow(kernel: Command, run: Run): void {
  kernel
    .command("show")
    .alias("inspect")
    .summary("show an installed kernel, or an entry of the catalog")
    .description("Show what is known of a kernel: where it came from, where it is, and its files.")
    .argument("<name>", "NAME[:ARCH][@VERSION|@sha256:HEX]")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { showKernel } = await import("../../ops/show.ts");
        const reference = referenceOf(app, names[0] ?? "", options.arch);
        const { originOf } = await import("../../ops/origin.ts");
        const context = scopeTo(app.context, reference.catalog);
        const store = await openStore(context, "read");
        const shown = await showKernel(context, store, reference);
        const { kernel: installed, entry, images, notices, entryNotices } = shown;
        const name = store.labelOf(reference.name);
        const origin = installed && originOf(installed);
        const json = {
          name,
          arch: reference.arch,
          installed:
            installed === undefined
              ? null
              : {
                  ...kernelDocument(installed),
                  ...contents(installed),
                  provenance: originDocument(origin),
                  ...(notices && noticesDocument(notices)),
                },
          images,
          entry: entry === undefined ? null : { ...entry, past_end: entryNotices?.pastEnd ?? [] },
        };
        const fields: (readonly [string, string])[] = [
          ["name", name],
          ["arch", reference.arch],
          ...(installed === undefined ? [] : installedFields(installed)),
          ...originFields(origin),
          ...(notices?.withdrawn === undefined
            ? []
            : [["withdrawn", `it ${withdrawnWords(notices.withdrawn)}`] as const]),
          ...(images.length === 0 ? [] : [["images", images.join(", ")] as const]),
          ...(entry === undefined
            ? [["catalog", "not in the catalog"] as const]
            : ([
                [
                  "catalog",
                  `Linux ${entry.kernel_version}, ${formatBytes(entry.size_bytes)} to download`,
                ],
                ["catalog sha256", entry.tarball_sha256],
                ["catalog url", entry.tarball_url],
                ["description", entry.description],
                ["features", entry.features?.join(", ") ?? "not told"],
                ["booted", entry.boot === undefined ? "not told" : bootWords(entry.boot)],
                ...entryNoticesFields(entryNotices),
              ] as const)),
          ...(installed === undefined
            ? [["installed", wayToInstall(names[0] ?? "", entryNotices)] as const]
            : []),
        ];
        return { json, text: renderFields(app.output, fields) };
      }),
    );

  kernel
    .command("path")
    .summary("print where a kernel, or a part of it, is")
    .description("Print the absolute path of an installed kernel's folder, or of one of its parts.")
    .argument("<name>", "NAME[:ARCH][@VERSION|@sha256:HEX]")
    .argument("[part]", "vmlinux, initrd, modules, config or provenance")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { findKernel } = await import("../../ops/find-kernel.ts");
        const reference = referenceOf(app, names[0] ?? "", options.arch);
        const context = scopeTo(app.context, reference.catalog);
        const installed = await findKernel(context, await openStore(context, "read"), reference);
        const found = partPath(installed, names[1]);
        return { json: { path: found }, text: found };
      }),
    );
}

function entryNoticesFields(notices: Notices | undefined): (readonly [string, string])[] {
  if (notices === undefined) return [];
  const { withdrawn, replacement } = notices;
  return [
    ["supported", supportWords(notices)],
    ...(withdrawn === undefined
      ? []
      : [["catalog withdrew", `${withdrawn.since.slice(0, 10)}: ${withdrawn.reason}`] as const]),
    ...(replacement === undefined ? [] : [["replaced by", replacement] as const]),
  ];
}

function wayToInstall(name: string, notices: Notices | undefined): string {
  return notices?.withdrawn === undefined
    ? `no; to install it: banger kernel pull ${name}`
    : "no; the catalog has withdrawn it";
}

function contents(kernel: InstalledKernel): Readonly<Record<string, unknown>> {
  const { files, links, tarball_url, catalog_serial } = kernel.manifest;
  return { tarball_url: tarball_url ?? null, catalog_serial: catalog_serial ?? null, files, links };
}

function installedFields(kernel: InstalledKernel): (readonly [string, string])[] {
  const { manifest } = kernel;
  const origin =
    manifest.source === "import"
      ? "imported here"
      : `catalog ${manifest.catalog_serial ?? "?"}, ${manifest.tarball_url ?? ""}`;
  const modules = manifest.files.filter((file) => file.path.startsWith(`${bundleNames.modules}/`));
  const parts = manifest.files
    .filter((file) => !file.path.startsWith(`${bundleNames.modules}/`))
    .map((file) => [file.path, `${formatBytes(file.size_bytes)}, sha256 ${file.sha256}`] as const);
  return [
    ["distro", manifest.distro],
    ["version", manifest.kernel_version],
    ["installed", `${manifest.installed_at}, ${formatBytes(sizeOf(kernel))}`],
    ["path", kernel.directory],
    ["from", origin],
    ...(manifest.tarball_sha256 === undefined
      ? []
      : [["tarball sha256", manifest.tarball_sha256] as const]),
    ...parts,
    ...(modules.length === 0 ? [] : [["modules", `${modules.length} files`] as const]),
  ];
}

/** @see docs/formats/cli.md */
function originDocument(
  origin: Origin | "foreign" | undefined,
): Readonly<Record<string, unknown>> | null {
  if (origin === undefined || origin === "foreign") return null;
  const { source, facts } = origin;
  return {
    source: source.name,
    source_uri: source.uri ?? null,
    source_sha256: source.sha256,
    trust: facts.trust.kind,
    signed_by: facts.trust.kind === "signature" ? facts.trust.fingerprint : null,
    built_by: `banger ${facts.builderVersion}`,
  };
}

function originFields(origin: Origin | "foreign" | undefined): (readonly [string, string])[] {
  if (origin === undefined) return [];
  if (origin === "foreign")
    return [["built from", "provenance.json tells, in another form than banger's"]];
  const { source, facts } = origin;
  const { trust } = facts;
  return [
    ["built from", `${source.name}${source.uri === undefined ? "" : `, ${source.uri}`}`],
    ["source sha256", source.sha256],
    [
      "source trusted",
      trust.kind === "signature"
        ? `signed by ${trust.holder}, ${trust.fingerprint}`
        : "by its hash alone; no signature was looked at",
    ],
  ];
}

function partPath(kernel: InstalledKernel, part: string | undefined): string {
  switch (part) {
    case undefined:
      return kernel.directory;
    case "vmlinux":
      return path.join(kernel.directory, bundleNames.kernel);
    case "initrd":
    case "initrd.img":
      if (fileDigest(kernel.manifest, bundleNames.initrd) !== undefined) {
        return path.join(kernel.directory, bundleNames.initrd);
      }
      throw new BangerError("not-found", `${kernel.label} has no initrd: its drivers are built in`);
    case "modules":
      if (kernel.manifest.files.some((file) => file.path.startsWith(`${bundleNames.modules}/`))) {
        return path.join(kernel.directory, bundleNames.modules);
      }
      throw new BangerError(
        "not-found",
        `${kernel.label} has no modules: its drivers are built in`,
      );
    case "config":
    case "kernel.config":
      return filePath(kernel, bundleNames.config, "its configuration");
    case "provenance":
    case "provenance.json":
      return filePath(kernel, bundleNames.provenance, "how it was built");
    default:
      throw new BangerError("usage", `${JSON.stringify(part)} is not a part of a kernel`, {
        hint: "the parts are vmlinux, initrd, modules, config and provenance",
      });
  }
}

function filePath(kernel: InstalledKernel, name: string, what: string): string {
  if (fileDigest(kernel.manifest, name) !== undefined) return path.join(kernel.directory, name);
  throw new BangerError("not-found", `${kernel.label} does not tell ${what}: it has no ${name}`);
}
