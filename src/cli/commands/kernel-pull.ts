import type { Command } from "commander";
import { recommendedEntry } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { ask } from "../../io/terminal.ts";
import { referenceOf, type App, type Run } from "../app.ts";
import { canAsk } from "../confirm.ts";
import { kernelDocument } from "../documents.ts";
import { forEachName } from "../each.ts";
import type { PullResult } from "../../ops/pull.ts";

interface Options {
  readonly arch?: string;
  readonly force?: true;
  readonly wait: boolean;
}

/** `kernel pull`. */
export function addKernelPull(kernel: Command, run: Run): void {
  kernel
    .command("pull")
    .summary("install kernels of the catalog, or bring them up to date")
    .description(
      "Download, verify and install kernels of the catalog. What is installed and current stays as it is, and the network is not touched.",
    )
    .argument(
      "[name...]",
      "NAME[:ARCH][@VERSION|@sha256:HEX]; without one the recommended kernel is offered",
    )
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("-f, --force", "fetch again; replace an imported or a newer kernel")
    .option("--no-wait", "fail (exit 6) when another banger is pulling the same kernel")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { pull } = await import("../../ops/pull.ts");
        const wanted = names.length > 0 ? names : [await offerRecommended(app)];
        const references = wanted.map((name) => referenceOf(app, name, options.arch));
        return forEachName(app, "results", wanted, async (name) => {
          const reference = references[wanted.indexOf(name)];
          if (reference === undefined) throw new Error("each name has its reference");
          try {
            const context = scopeTo(app.context, reference.catalog);
            const store = await openStore(context, "write");
            const result = await pull(context, store, reference, {
              force: options.force === true,
              wait: options.wait,
            });
            app.output.note(summaryOf(result));
            const { outcome } = result;
            return { json: { outcome, ...kernelDocument(result.kernel) }, text: "" };
          } catch (error) {
            if (!(error instanceof BangerError) || app.context.signal.aborted) throw error;
            throw error.during(`cannot pull ${name}`);
          }
        });
      }),
    );
}

async function offerRecommended(app: App): Promise<string> {
  const entry = recommendedEntry(await app.context.catalog(), app.context.environment.hostArch);
  if (entry === undefined || !canAsk(app)) {
    throw new BangerError("usage", "which kernel?", {
      hint:
        entry === undefined
          ? "see what there is: banger kernel list --available --all-arch"
          : `the recommended one: banger kernel pull ${entry.name}`,
    });
  }
  const answer = await ask(
    `Pull ${entry.name} (Linux ${entry.kernel_version}), the recommended kernel? [Y/n] `,
    app.context.signal,
  );
  if (/^(y(es)?)?$/i.test(answer)) return entry.name;
  throw new BangerError("usage", "which kernel?", {
    hint: "see what there is: banger kernel list --available",
  });
}

function summaryOf({ outcome, kernel }: PullResult): string {
  const what = `${kernel.label} (Linux ${kernel.manifest.kernel_version}, ${kernel.arch})`;
  switch (outcome) {
    case "current":
      return `${what} is installed and up to date`;
    case "installed":
      return `${what} is installed in ${kernel.directory}`;
    case "updated":
      return `${what} is installed; the build before it is kept: banger kernel rollback ${kernel.label}`;
    case "repaired":
      return `${what} is installed again`;
  }
}
