import type { Command } from "commander";
import { parseCatalogName } from "../../core/kernel-name.ts";
import { redactUrl } from "../../core/redact.ts";
import { defaultCatalog } from "../../core/reference.ts";
import type { CatalogStanding } from "../../ops/catalog-standing.ts";
import type { Context } from "../../ops/context.ts";
import { pathOf, type Run } from "../app.ts";
import { confirm } from "../confirm.ts";
import { forEachName } from "../each.ts";
import { renderTable } from "../table.ts";

interface AddOptions {
  readonly root: string;
  readonly acceptExpired?: true;
}

/** `catalog add`, `list` and `rm`. */
export function addCatalogSources(catalog: Command, run: Run): void {
  catalog
    .command("add")
    .summary("use another catalog beside banger's own")
    .description(
      "Fetch a signed catalog, verify it by its root, and use it beside banger's own. Its kernels are called NAME/KERNEL, as in acme/generic-6.12.",
    )
    .argument("<name>", "what to call it")
    .argument("<place>", "a folder or URL that has metadata/ and targets/")
    .requiredOption("--root <file>", "the root.json that it is verified by")
    .option("--accept-expired", "from a folder: take it although its time is over")
    .action(
      run(async (app, [name = "", place = ""], options: AddOptions) => {
        const { addCatalogSource } = await import("../../ops/added-catalogs.ts");
        const added = await addCatalogSource(app.context, {
          name: parseCatalogName(name),
          place: pathOf(place, "the place of the catalog"),
          rootFile: pathOf(options.root, "--root"),
          acceptExpired: options.acceptExpired === true,
        });
        const { outcome, source, fetched } = added;
        const kernels = fetched?.standing.catalog.entries.length;
        app.output.note(
          outcome === "current"
            ? `${name} is there already`
            : `${name} is added, with ${kernels ?? 0} kernels; see them: banger kernel list --available`,
        );
        return {
          json: { outcome, name, place: redactUrl(source.place), added_at: source.added_at },
          text: "",
        };
      }),
    );

  catalog
    .command("list")
    .alias("ls")
    .summary("list the catalogs that are in use")
    .action(
      run(async (app) => {
        const { allScopes } = await import("../../ops/catalog-scope.ts");
        const listed: Listed[] = [];
        for (const context of allScopes(app.context)) {
          listed.push({ context, standing: await context.standing() });
        }
        const text = renderTable(
          app.output,
          [
            { heading: "NAME" },
            { heading: "SERIAL" },
            { heading: "UPDATED" },
            { heading: "KERNELS" },
            { heading: "PLACE", flexible: true },
          ],
          listed.map(({ context, standing: { catalog: found, from } }) => [
            nameOf(context),
            from === "nothing" ? "?" : String(found.serial),
            from === "nothing" ? "?" : found.updated.slice(0, 10),
            String(found.entries.length),
            placeOf(context) ?? (context.scope === undefined ? "within banger" : "was removed"),
          ]),
        );
        return { json: { catalogs: listed.map(listedDocument) }, text };
      }),
    );

  catalog
    .command("rm")
    .alias("remove")
    .summary("forget catalogs that were added; their kernels stay")
    .argument("<name...>")
    .option("-y, --yes", "do not ask")
    .action(
      run(async (app, names, options: { readonly yes?: true }) => {
        const { removeCatalog, requireSource } = await import("../../ops/added-catalogs.ts");
        const wanted = names.map(parseCatalogName);
        for (const name of wanted) requireSource(app.context, name);
        await confirm(app, `Forget ${names.join(", ")}?`, options.yes === true);
        return forEachName(app, "removed", names, async (name) => {
          const { source, kernels } = await removeCatalog(app.context, parseCatalogName(name));
          const rest = kernels === 0 ? "" : `; the ${kernels} kernels of it that are here stay`;
          app.output.note(`${name} is forgotten${rest}`);
          return { json: { name, place: redactUrl(source.place), kernels }, text: "" };
        });
      }),
    );
}

interface Listed {
  readonly context: Context;
  readonly standing: CatalogStanding;
}

function listedDocument({ context, standing }: Listed): Readonly<Record<string, unknown>> {
  const { catalog, from, kept } = standing;
  return {
    name: nameOf(context),
    place: placeOf(context) ?? null,
    serial: catalog.serial,
    updated: catalog.updated,
    entries: catalog.entries.length,
    from,
    checked_at: kept?.record.checked_at ?? null,
  };
}

function nameOf({ scope }: Context): string {
  return scope?.name ?? defaultCatalog;
}

function placeOf({ scope }: Context): string | undefined {
  return scope?.place === undefined ? undefined : redactUrl(scope.place);
}
