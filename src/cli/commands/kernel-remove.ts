import type { Command } from "commander";
import { formatBytes } from "../../core/sizes.ts";
import type { Garbage } from "../../ops/collect-garbage.ts";
import { referenceOf, type Run } from "../app.ts";
import { confirm } from "../confirm.ts";
import { forEachName } from "../each.ts";
import { renderTable } from "../table.ts";

interface RemoveOptions {
  readonly arch?: string;
  readonly force?: true;
  readonly yes?: true;
}

interface CollectOptions {
  readonly dryRun?: true;
  readonly yes?: true;
}

/** `kernel rm` and `kernel gc`. */
export function addKernelRemove(kernel: Command, run: Run): void {
  kernel
    .command("rm")
    .alias("remove")
    .summary("remove installed kernels")
    .description(
      "Remove installed kernels and the earlier builds of them. Refuses while an image needs one.",
    )
    .argument("<name...>", "NAME[:ARCH]")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("-f, --force", "also when images need it")
    .option("-y, --yes", "do not ask")
    .action(
      run(async (app, names, options: RemoveOptions) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { removeKernel } = await import("../../ops/remove.ts");
        const references = names.map((name) => referenceOf(app, name, options.arch));
        await confirm(app, `Remove ${names.join(", ")}?`, options.yes === true);
        return forEachName(app, "removed", names, async (name) => {
          const reference = references[names.indexOf(name)];
          if (reference === undefined) throw new Error("each name has its reference");
          const context = scopeTo(app.context, reference.catalog);
          const store = await openStore(context, "write");
          const result = await removeKernel(context, store, reference, options.force === true);
          app.output.note(`${result.name} (${result.arch}) is removed`);
          return { json: { ...result }, text: "" };
        });
      }),
    );

  kernel
    .command("gc")
    .summary("remove builds and downloads that nothing needs")
    .description(
      "Remove builds that are neither current, nor kept for rollback, nor held by an image, and downloads that were cut short.",
    )
    .option("-n, --dry-run", "only tell what would be removed")
    .option("-y, --yes", "do not ask")
    .action(
      run(async (app, _names, options: CollectOptions) => {
        const { openStore } = await import("../../ops/context.ts");
        const { allScopes } = await import("../../ops/catalog-scope.ts");
        const { collectGarbage } = await import("../../ops/collect-garbage.ts");
        const dryRun = options.dryRun === true;
        const collect = async (onlyTell: boolean): Promise<Garbage[]> => {
          const found: Garbage[] = [];
          for (const context of allScopes(app.context)) {
            const store = await openStore(context, "write");
            found.push(...(await collectGarbage(context, store, onlyTell)));
          }
          return found;
        };
        if (!dryRun) {
          const would = await collect(true);
          if (would.length > 0) {
            await confirm(app, `Remove ${would.length} unneeded items?`, options.yes === true);
          }
        }
        const garbage = await collect(dryRun);
        const freedBytes = garbage.reduce((sum, item) => sum + item.sizeBytes, 0);
        const json = {
          dry_run: dryRun,
          freed_bytes: freedBytes,
          removed: garbage.map(({ kind, name, sizeBytes }) => ({
            kind,
            name,
            size_bytes: sizeBytes,
          })),
        };
        app.output.note(
          garbage.length === 0
            ? "there is nothing to remove"
            : `${formatBytes(freedBytes)} ${dryRun ? "would be" : "are"} freed`,
        );
        const text = renderTable(
          app.output,
          [{ heading: "KIND" }, { heading: "SIZE" }, { heading: "NAME", flexible: true }],
          garbage.map((item) => [item.kind, formatBytes(item.sizeBytes), item.name]),
        );
        return { json, text: garbage.length === 0 ? "" : text };
      }),
    );
}
