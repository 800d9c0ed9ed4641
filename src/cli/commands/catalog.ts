import type { Command } from "commander";
import { escapeControls } from "../../core/escape.ts";
import { parseCatalogName } from "../../core/kernel-name.ts";
import { defaultCatalog } from "../../core/reference.ts";
import type { CatalogStanding } from "../../ops/catalog-standing.ts";
import type { Context } from "../../ops/context.ts";
import { type App, pathOf, type Run, type Shown } from "../app.ts";

interface UpdateOptions {
  readonly from?: string;
  readonly acceptExpired?: true;
}

/** `catalog update`, `status` and `show`. */
export function addCatalog(catalog: Command, run: Run): void {
  catalog
    .command("update")
    .summary("fetch the newest catalog, and verify it")
    .description(
      "Fetch the signed catalog and verify it. The one that is here stays in use until that is done.",
    )
    .argument("[name]", "a catalog that was added; without it, banger's own")
    .option("--from <folder>", "take it from a folder that has metadata/ and targets/")
    .option("--accept-expired", "with --from: take it although its time is over")
    .action(
      run(async (app, names, options: UpdateOptions) => {
        const { updateCatalog } = await import("../../ops/update-catalog.ts");
        const { from, acceptExpired } = options;
        const updated = await updateCatalog(await namedScope(app, names), {
          from: from === undefined ? undefined : pathOf(from, "--from"),
          acceptExpired: acceptExpired === true,
        });
        const { outcome, source, serialBefore, standing } = updated;
        const { serial, entries } = standing.catalog;
        const text =
          outcome === "current"
            ? `catalog ${serial} is the newest there is`
            : serialBefore === 0
              ? `catalog ${serial} is here, with ${entries.length} kernels`
              : `catalog ${serialBefore} is replaced by ${serial}, with ${entries.length} kernels`;
        return {
          json: { outcome, source, serial_before: serialBefore, ...documentOf(standing) },
          text,
        };
      }),
    );

  catalog
    .command("status")
    .summary("tell which catalog is in use, how old it is, and until when it is good")
    .description(
      "Tell which catalog is in use, where it came from, how old it is, and until when its signatures are good.",
    )
    .argument("[name]", "a catalog that was added; without it, banger's own")
    .action(run(async (app, names) => shown(app, names, false)));

  catalog
    .command("show")
    .summary("the same, with the keys that signed it")
    .description("Tell what `catalog status` does, and which keys may sign and have signed it.")
    .argument("[name]", "a catalog that was added; without it, banger's own")
    .action(run(async (app, names) => shown(app, names, true)));
}

/** The world as the catalog that is named shows it. */
async function namedScope(app: App, [name = defaultCatalog]: readonly string[]): Promise<Context> {
  const { scopeTo } = await import("../../ops/catalog-scope.ts");
  return scopeTo(app.context, parseCatalogName(name));
}

async function shown(app: App, names: readonly string[], withKeys: boolean): Promise<Shown> {
  const context = await namedScope(app, names);
  const { environment } = context;
  const standing = await context.standing();
  const { catalog, from, kept } = standing;
  const rows: (readonly [string, string])[] = [
    ["serial", String(catalog.serial)],
    ["updated", catalog.updated],
    ["kernels", String(catalog.entries.length)],
    ["from", origins[from](standing, environment.catalogFile)],
    ["updates", updatesOf(standing, context)],
  ];
  for (const role of kept?.roles ?? []) {
    const signed = role.keys.filter((key) => key.signed).length;
    const words = `version ${role.version}, until ${role.expires}, signed by ${signed} of ${role.keys.length} keys, ${role.threshold} needed`;
    rows.push([role.role, words]);
    if (!withKeys) continue;
    for (const { id, signed: has } of role.keys) {
      rows.push(["", `${has ? "signed" : "may sign"}  ${id}`]);
    }
  }
  const width = Math.max(...rows.map(([label]) => label.length));
  const text = rows
    .map(([label, value]) => `${label.padEnd(width)}  ${escapeControls(value)}`)
    .join("\n");
  return { json: documentOf(standing), text };
}

const origins: Readonly<
  Record<CatalogStanding["from"], (standing: CatalogStanding, file: string | undefined) => string>
> = {
  embedded: () => "this banger",
  updated: ({ kept }) => kept?.record.source ?? "",
  nothing: () => "nowhere: nothing good is kept",
  file: (_standing, file) => `${file ?? ""} (BANGER_CATALOG)`,
};

function updatesOf({ kept }: CatalogStanding, { embedded, scope }: Context): string {
  if (embedded.root === undefined && scope !== undefined) return "none: this catalog was removed";
  if (embedded.root === undefined) return "none: this banger was built without a root of trust";
  return kept === undefined ? "never" : `last verified ${kept.record.checked_at}`;
}

function documentOf({ catalog, from, kept, fault }: CatalogStanding): object {
  const { serial, updated, entries } = catalog;
  return {
    serial,
    updated,
    entries: entries.length,
    from,
    repository:
      kept === undefined
        ? null
        : {
            source: kept.record.source,
            checked_at: kept.record.checked_at,
            catalog_sha256: kept.catalogSha256,
            roles: kept.roles,
          },
    problem: fault?.message ?? null,
  };
}
