import type { Command } from "commander";
import { findOutdated, isOutdated } from "../../ops/outdated.ts";
import { pathOf, type Run } from "../app.ts";
import { renderTable } from "../table.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly recipes: string;
}

/** `outdated`. */
export function addOutdated(program: Command, run: Run, repository: Repository): void {
  program
    .command("outdated")
    .summary("tell for which kernels there is a newer patch level")
    .description(
      "Compare the catalog with kernel.org's list of releases, for each recipe and architecture. Exit 7 when there is something to build.",
    )
    .option("--recipes <folder>", "where the recipes are", repository.recipes)
    .action(
      run(async (app, _names, options: Options) => {
        const recipes = pathOf(options.recipes, "--recipes");
        const { standings, droppedLines, endedLines } = await findOutdated(app.context, recipes);
        for (const line of droppedLines) {
          app.output.note(
            `${line}: kernel.org does not list this line any more; its recipe may go, see docs/kernel-catalog.md`,
          );
        }
        for (const line of endedLines) {
          app.output.note(`${line}: kernel.org mends this line no more`);
        }
        const json = standings.map(({ line, arch, catalogVersion, newestVersion }) => ({
          line,
          arch,
          catalog_version: catalogVersion ?? null,
          newest_version: newestVersion,
        }));
        const columns = ["LINE", "ARCH", "CATALOG", "NEWEST"].map((heading) => ({ heading }));
        const rows = json.map((row) => [
          row.line,
          row.arch,
          row.catalog_version ?? "none",
          row.newest_version,
        ]);
        return {
          json,
          text: rows.length === 0 ? "" : renderTable(app.output, columns, rows),
          exitCode: standings.some(isOutdated) ? 7 : 0,
        };
      }),
    );
}
