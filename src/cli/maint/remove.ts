import path from "node:path";
import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { inOrder } from "../../ops/catalog-text.ts";
import { type EntryRemoval, removeEntry } from "../../ops/remove-entry.ts";
import { type App, pathOf, entryReferenceOf, type Run } from "../app.ts";
import { confirm } from "../confirm.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly arch?: string;
  readonly deleteRemote?: true;
  readonly breakReleases?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly wait: boolean;
  readonly catalog: string;
}

/** `remove`. */
export function addRemove(program: Command, run: Run, repository: Repository): void {
  program
    .command("remove")
    .summary("take an entry out of the catalog")
    .description(
      "Take an entry out of the catalog. Its files stay where they are, since earlier releases name them, and the commands that would delete them are printed. --delete-remote deletes them, unless a catalog of a release (git tags v*) names one. Sources always stay.",
    )
    .argument("<name>", "NAME[:ARCH] of an entry")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--delete-remote", "also delete its files from the bucket")
    .option("--break-releases", "with --delete-remote: though releases may name them")
    .option("-n, --dry-run", "only tell what would be done")
    .option("-y, --yes", "do not ask before deleting")
    .option("--no-wait", "fail when somebody else is changing the catalog")
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .addHelpText("after", `\n${publicationHelp}`)
    .action(
      run(async (app, [name = ""], options: Options) => {
        const { bucket, baseUrl } = publicationOf(app);
        const dryRun = options.dryRun === true;
        const deleteRemote = options.deleteRemote === true;
        const reference = entryReferenceOf(app, name, options.arch);
        if (options.breakReleases === true && !deleteRemote) {
          throw new BangerError("usage", "--break-releases is for --delete-remote");
        }
        if (deleteRemote && !dryRun) {
          const question = `Delete the files of ${reference.name}:${reference.arch} for everybody?`;
          await confirm(app, question, options.yes === true);
        }
        const removed = await removeEntry(app.context, bucket, {
          reference,
          catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
          cache: repository.cache,
          baseUrl,
          deleteRemote,
          breakReleases: options.breakReleases === true,
          dryRun,
          wait: options.wait,
        });
        tellRest(app, removed, options.catalog, dryRun);
        const { entry, plan, objects } = removed;
        const json = { dry_run: dryRun, serial: plan.serial, entry: inOrder(entry), objects };
        const left = objects.filter(({ result }) => result === "left");
        return { json, text: left.map(({ object }) => `rclone deletefile ${object}`).join("\n") };
      }),
    );
}

const resultWords = {
  left: "is left",
  deleted: "is deleted",
  "would-delete": "would be deleted",
  absent: "is not there",
} as const;

function tellRest(
  app: App,
  { entry, plan, objects }: EntryRemoval,
  catalog: string,
  dryRun: boolean,
): void {
  const done = dryRun ? "would be removed" : "is removed";
  app.output.note(`${catalog}: ${entry.name}:${entry.arch} ${done}, serial ${plan.serial}`);
  for (const { object, result } of objects) {
    app.output.note(`${object}: ${resultWords[result]}`);
  }
  if (objects.some(({ result }) => result === "left")) {
    app.output.note(
      "these would delete the files; --delete-remote does it if no release needs them:",
    );
  }
}
