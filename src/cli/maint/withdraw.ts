import path from "node:path";
import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { parseKernelName } from "../../core/kernel-name.ts";
import { inOrder } from "../../ops/catalog-text.ts";
import { withdrawEntry, type WithdrawReason } from "../../ops/withdraw-entry.ts";
import { entryReferenceOf, pathOf, type Run } from "../app.ts";
import { publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly reason?: string;
  readonly replacedBy?: string;
  readonly undo?: true;
  readonly arch?: string;
  readonly dryRun?: true;
  readonly wait: boolean;
  readonly catalog: string;
}

/** `withdraw`. */
export function addWithdraw(program: Command, run: Run, repository: Repository): void {
  program
    .command("withdraw")
    .summary("tell everybody that a kernel must no longer be installed")
    .description(
      "Mark an entry of the catalog as withdrawn. It stays in the catalog: pull refuses it, and whoever has installed it is told. A new build that is published has no mark.",
    )
    .argument("<name>", "NAME[:ARCH] of an entry")
    .option("--reason <text>", "what people are told")
    .option("--replaced-by <name>", "the entry of the same architecture to use in its place")
    .option("--undo", "take the mark away")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("-n, --dry-run", "only tell what would be done")
    .option("--no-wait", "fail when somebody else is changing the catalog")
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .action(
      run(async (app, [name = ""], options: Options) => {
        const dryRun = options.dryRun === true;
        const { entry, plan } = await withdrawEntry(app.context, {
          reference: entryReferenceOf(app, name, options.arch),
          catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
          cache: repository.cache,
          baseUrl: publicationOf(app).baseUrl,
          why: reasonOf(options),
          dryRun,
          wait: options.wait,
        });
        const is = dryRun ? "would be" : "is";
        const became = entry.withdrawn === undefined ? `${is} good again` : `${is} withdrawn`;
        const told =
          plan.change === "none"
            ? "nothing to change"
            : `${entry.name}:${entry.arch} ${became}, serial ${plan.serial}`;
        app.output.note(`${options.catalog}: ${told}`);
        const { change, serial } = plan;
        return {
          json: { dry_run: dryRun, change, serial, entry: inOrder(entry) },
          text: plan.diff,
        };
      }),
    );
}

function reasonOf({ reason, replacedBy, undo }: Options): WithdrawReason | undefined {
  if (undo === true) {
    if (reason === undefined && replacedBy === undefined) return undefined;
    throw new BangerError("usage", "--undo takes the mark away: it needs no reason and no other");
  }
  if (reason === undefined) {
    throw new BangerError("usage", "--reason is missing: what are people to be told?", {
      hint: "to take the mark away: --undo",
    });
  }
  return {
    reason,
    replacedBy: replacedBy === undefined ? undefined : parseKernelName(replacedBy),
  };
}
