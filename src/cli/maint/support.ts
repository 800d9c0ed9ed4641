import path from "node:path";
import type { Command } from "commander";
import { refreshSupport } from "../../ops/refresh-support.ts";
import { pathOf, type Run } from "../app.ts";
import { publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly dryRun?: true;
  readonly wait: boolean;
  readonly catalog: string;
  readonly facts: string;
}

/** `support`. */
export function addSupport(program: Command, run: Run, repository: Repository): void {
  program
    .command("support")
    .summary("write into the catalog until when each line is kept up")
    .description(
      "Write what catalog/support.json says, until when upstream and Firecracker keep each line up, into the entries of the catalog. publish does it for the entry that it writes.",
    )
    .option("-n, --dry-run", "only tell what would be done")
    .option("--no-wait", "fail when somebody else is changing the catalog")
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--facts <file>", "until when each line is kept up", repository.supportFile)
    .action(
      run(async (app, _names, options: Options) => {
        const dryRun = options.dryRun === true;
        const { entries, plan } = await refreshSupport(app.context, {
          catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
          supportFile: path.resolve(pathOf(options.facts, "--facts")),
          cache: repository.cache,
          baseUrl: publicationOf(app).baseUrl,
          dryRun,
          wait: options.wait,
        });
        const { change, serial } = plan;
        const done = dryRun ? "would be" : "is";
        const told = change === "none" ? "nothing to change" : `serial ${done} ${serial}`;
        app.output.note(`${options.catalog}: ${told}`);
        const json = {
          dry_run: dryRun,
          change,
          serial,
          entries: entries.map(({ name, arch, support }) => ({
            name,
            arch,
            support: support ?? null,
          })),
        };
        return { json, text: plan.diff };
      }),
    );
}
