import type { Command } from "commander";
import { checkCatalog } from "../../ops/check-catalog.ts";
import type { Run } from "../app.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly catalog: string;
  readonly bundles: string;
}

/** `check-catalog`. */
export function addCheckCatalog(program: Command, run: Run, repository: Repository): void {
  program
    .command("check-catalog")
    .summary("hold the catalog and the tarballs beside it to every rule")
    .description(
      "Hold the repository's own catalog, and the files in bundles/, to every rule. Touches no network.",
    )
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--bundles <folder>", "where the tarballs are", repository.bundles)
    .action(
      run(async (_app, _names, { catalog, bundles }: Options) => {
        const found = await checkCatalog(catalog, bundles);
        const lines = [
          `${catalog}: serial ${found.serial}, ${found.entries} of ${found.entries} entries follow every rule`,
          ...[...found.bundles, ...found.sidecars].map(
            (file) => `${bundles}/${file}: as the catalog says`,
          ),
        ];
        return { json: { catalog, ...found }, text: lines.join("\n") };
      }),
    );
}
