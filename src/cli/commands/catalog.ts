import type { Command } from "commander";
import { escapeControls } from "../../core/escape.ts";
import type { CatalogStanding } from "../../ops/catalog-standing.ts";
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
    .option("--from <folder>", "take it from a folder that has metadata/ and targets/")
    .option("--accept-expired", "with --from: take it although its time is over")
    .action(
      run(async (app, _names, options: UpdateOptions) => {
        const { updateCatalog } = await import("../../ops/update-catalog.ts");
        const { from, acceptExpired } = options;
        const updated = await updateCatalog(app.context, {
          from: from === undefined ? undefined : pathOf(from, "--from"),
          acceptExpired: acceptExpired === true,
        });
        const { outcome, source, serialBefore, standing } = updated;
        const { serial, entries } = standing.catalog;
        const text =
          outcome === "current"
            ? `catalog ${serial} is the newest there is`
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
    .action(run(async (app) => shown(app, false)));

  catalog
    .command("show")
    .summary("the same, with the keys that signed it")
    .description("Tell what `catalog status` does, and which keys may sign and have signed it.")
    .action(run(async (app) => shown(app, true)));
}

async function shown(app: App, withKeys: boolean): Promise<Shown> {
  const { catalogStanding } = await import("../../ops/catalog-standing.ts");
  const { environment, embedded } = app.context;
  const standing = await catalogStanding(environment, embedded);
  const { catalog, from, kept, fault } = standing;
  const rows: (readonly [string, string])[] = [
    ["serial", String(catalog.serial)],
    ["updated", catalog.updated],
    ["kernels", String(catalog.entries.length)],
    ["from", origins[from](standing, environment.catalogFile)],
    ["updates", updatesOf(standing, embedded.root)],
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
  if (fault !== undefined) app.output.warn(`${fault.message}; ${fault.hint ?? ""}`);
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
  file: (_standing, file) => `${file ?? ""} (BANGER_CATALOG)`,
};

function updatesOf({ kept }: CatalogStanding, root: string | undefined): string {
  if (root === undefined) return "none: this banger was built without a root of trust";
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
