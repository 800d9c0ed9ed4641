import type { Command } from "commander";
import type { Run } from "../app.ts";
import { listedDocument, sizeOf } from "../documents.ts";
import {
  endsWords,
  noticesDocument,
  warnOfPastEnd,
  warnOfWithdrawn,
  withdrawnWords,
} from "../notices.ts";
import { renderTable } from "../table.ts";
import { bootWords } from "../../core/boot-proof.ts";
import { BangerError } from "../../core/errors.ts";
import { formatBytes } from "../../core/sizes.ts";
import { joined, tagsOf } from "../tags.ts";
import type { CatalogEntry } from "../../core/catalog.ts";
import type { Notices } from "../../ops/kernel-notices.ts";
import type { ListedEntry, ListedKernel, ListFilter, Standing } from "../../ops/list.ts";
import type { Output } from "../output.ts";

interface Options {
  readonly available?: true;
  readonly allArch?: true;
  readonly needs?: string;
}

/** `kernel list` and `kernel outdated`. */
export function addKernelList(kernel: Command, run: Run): void {
  kernel
    .command("list")
    .alias("ls")
    .summary("list installed kernels, or those of the catalog")
    .description(
      "List the installed kernels; with --available the catalog, and what of it is installed.",
    )
    .option("-a, --available", "list the catalog instead")
    .option("--all-arch", "with --available: also kernels for other architectures")
    .option(
      "--needs <tags>",
      "with --available: only kernels with these features: docker,ebpf",
      joined,
    )
    .action(
      run(async (app, _names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { allScopes } = await import("../../ops/catalog-scope.ts");
        const { listAvailable, listInstalled } = await import("../../ops/list.ts");
        const { catalogAge } = await import("../../ops/catalog-age.ts");
        const needs = await tagsOf(options.needs, "--needs");
        if (needs.length > 0 && options.available !== true) {
          throw new BangerError("usage", "--needs is for --available", {
            hint: "to look into installed kernels: banger kernel check NAME --needs …",
          });
        }
        const scopes = allScopes(app.context);
        if (options.available !== true) {
          const kernels: ListedKernel[] = [];
          for (const scope of scopes) {
            kernels.push(...(await listInstalled(scope, await openStore(scope, "read"))));
          }
          for (const listed of kernels) warnOfWithdrawn(app.output, listed.kernel, listed.notices);
          return {
            json: { kernels: kernels.map(listedDocument) },
            text: installedText(app.output, kernels),
          };
        }
        const filter: ListFilter = { allArch: options.allArch === true, needs };
        const entries: ListedEntry[] = [];
        for (const scope of scopes) {
          entries.push(...(await listAvailable(scope, await openStore(scope, "read"), filter)));
        }
        const inUse = await app.context.standing();
        const { serial, updated } = inUse.catalog;
        const age = catalogAge(inUse, app.context.embedded.root);
        const json = {
          catalog: { serial, updated, age_days: age.days, old: age.isOld },
          entries: entries.map(({ label, entry, standing, notices }) => ({
            ...entry,
            name: label,
            standing: standing ?? null,
            past_end: notices.pastEnd,
          })),
        };
        if (age.isOld) app.output.note(`the catalog is ${age.days} days old; ${age.remedy}`);
        for (const { label, entry, installed } of entries) {
          warnOfWithdrawn(app.output, { label, arch: entry.arch }, installed);
        }
        return { json, text: availableText(app.output, entries, filter) };
      }),
    );

  kernel
    .command("outdated")
    .summary("list installed kernels that have a newer build")
    .description(
      "List installed kernels of which the catalog has a newer build; exit 7 if there are any. Warns of those that are withdrawn, or past the end of their line.",
    )
    .action(
      run(async (app) => {
        const { openStore } = await import("../../ops/context.ts");
        const { allScopes } = await import("../../ops/catalog-scope.ts");
        const { listOutdated } = await import("../../ops/list.ts");
        const outdated: ListedKernel[] = [];
        const noticed: ListedKernel[] = [];
        for (const scope of allScopes(app.context)) {
          const found = await listOutdated(scope, await openStore(scope, "read"));
          outdated.push(...found.outdated);
          noticed.push(...found.noticed);
        }
        const exitCode = outdated.length > 0 ? 7 : 0;
        const json = {
          kernels: outdated.map(listedDocument),
          notices: noticed.map(noticedDocument),
        };
        for (const listed of noticed) {
          warnOfWithdrawn(app.output, listed.kernel, listed.notices);
          warnOfPastEnd(app.output, listed.kernel, listed.notices);
        }
        const isAllWell =
          exitCode === 0 && noticed.every(({ notices }) => notices.withdrawn === undefined);
        if (isAllWell) app.output.note("all kernels are up to date");
        return { json, text: exitCode === 0 ? "" : outdatedText(app.output, outdated), exitCode };
      }),
    );
}

const standingWords: Readonly<Record<Standing, string>> = {
  current: "up to date",
  outdated: "outdated",
  newer: "newer than catalog",
  imported: "imported",
  unlisted: "not in catalog",
  damaged: "damaged",
};

function installedText(output: Output, kernels: readonly ListedKernel[]): string {
  if (kernels.length === 0) {
    output.note("no kernels are installed; see what there is: banger kernel list --available");
    return "";
  }
  const columns = ["NAME", "ARCH", "VERSION", "SIZE", "INSTALLED"].map((heading) => ({ heading }));
  return renderTable(
    output,
    [...columns, { heading: "STATUS", flexible: true }],
    kernels.map(({ kernel, standing, notices }) => {
      const known = "damage" in kernel ? undefined : kernel;
      return [
        kernel.label,
        kernel.arch,
        known?.manifest.kernel_version ?? "?",
        known === undefined ? "?" : formatBytes(sizeOf(known)),
        known?.manifest.installed_at.slice(0, 10) ?? "?",
        statusOf(standing, notices),
      ];
    }),
  );
}

function statusOf(standing: Standing, { withdrawn, pastEnd }: Notices): string {
  const word = withdrawn === undefined ? standingWords[standing] : "withdrawn";
  return pastEnd.length === 0 ? word : `${word}, past its end`;
}

/** @see docs/formats/cli.md */
function noticedDocument({ kernel, standing, notices }: ListedKernel): object {
  const { label: name, arch } = kernel;
  const version = "damage" in kernel ? null : kernel.manifest.kernel_version;
  return { name, arch, kernel_version: version, standing, ...noticesDocument(notices) };
}

function availableText(
  output: Output,
  entries: readonly ListedEntry[],
  { allArch, needs }: ListFilter,
): string {
  if (entries.length === 0) {
    const what = needs.length === 0 ? "kernels" : `kernels with ${needs.join(", ")}`;
    const where = allArch ? "" : " for this architecture; see all: --all-arch";
    output.note(`the catalog has no ${what}${where}`);
    return "";
  }
  const headings = ["NAME", "ARCH", "VERSION", "SIZE", "INSTALLED", "BOOTED"];
  const columns = headings.map((heading) => ({ heading }));
  return renderTable(
    output,
    [...columns, { heading: "DESCRIPTION", flexible: true }],
    entries.map(({ label, entry, standing, notices }) => [
      label,
      entry.arch,
      entry.kernel_version,
      formatBytes(entry.size_bytes),
      standing === undefined ? "no" : standing === "current" ? "yes" : standingWords[standing],
      entry.boot === undefined ? "?" : bootWords(entry.boot),
      describe(entry, notices),
    ]),
  );
}

/** What is against it goes first: the column may be cut. */
function describe({ description }: CatalogEntry, notices: Notices): string {
  const { withdrawn, support, pastEnd } = notices;
  if (withdrawn !== undefined) return `[${withdrawnWords(withdrawn)}] ${description}`;
  return pastEnd.length === 0 ? description : `[${endsWords(support, pastEnd)}] ${description}`;
}

function outdatedText(output: Output, kernels: readonly ListedKernel[]): string {
  const columns = ["NAME", "ARCH", "INSTALLED", "AVAILABLE"].map((heading) => ({ heading }));
  return renderTable(
    output,
    columns,
    kernels.map(({ kernel, entry }) => [
      kernel.label,
      kernel.arch,
      "damage" in kernel ? "?" : kernel.manifest.kernel_version,
      entry?.kernel_version ?? "?",
    ]),
  );
}
