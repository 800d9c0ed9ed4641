import type { Command } from "commander";
import { recommendedEntry } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { ask } from "../../io/terminal.ts";
import type { Context } from "../../ops/context.ts";
import { referenceOf, type App, type Run } from "../app.ts";
import { canAsk } from "../confirm.ts";
import { kernelDocument } from "../documents.ts";
import { forEachName } from "../each.ts";
import { warnOfWithdrawn } from "../notices.ts";
import type { PullResult } from "../../ops/pull.ts";

interface Options {
  readonly arch?: string;
  readonly force?: true;
  readonly allowWithdrawn?: true;
  readonly refresh?: true;
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
    .option("--allow-withdrawn", "also a kernel that the catalog has withdrawn")
    .option("--refresh", "update the catalog first, and pull nothing when that fails")
    .option("--no-wait", "fail (exit 6) when another banger is pulling the same kernel")
    .action(
      run(async (app, names, options: Options) => {
        const { openStore } = await import("../../ops/context.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const { pull } = await import("../../ops/pull.ts");
        const { noticesOfEntry } = await import("../../ops/kernel-notices.ts");
        const { context: own } = app;
        if (names.length === 0 && options.refresh === true) await refresh(app, own);
        const wanted = names.length > 0 ? names : [await offerRecommended(app)];
        const references = wanted.map((name) => referenceOf(app, name, options.arch));
        const isFresh = names.length === 0 || options.refresh !== true;
        for (const catalog of new Set(references.map((reference) => reference.catalog))) {
          const scope = scopeTo(own, catalog);
          if (!isFresh) await refresh(app, scope);
          await warnOfExpiry(app, scope);
        }
        return forEachName(app, "results", wanted, async (name) => {
          const reference = references[wanted.indexOf(name)];
          if (reference === undefined) throw new Error("each name has its reference");
          try {
            const context = scopeTo(app.context, reference.catalog);
            const store = await openStore(context, "write");
            const result = await pull(context, store, reference, {
              force: options.force === true,
              allowWithdrawn: options.allowWithdrawn === true,
              wait: options.wait,
            });
            app.output.note(summaryOf(result));
            const { outcome, entry } = result;
            const notices = noticesOfEntry(await context.catalog(), reference.catalog, entry);
            warnOfWithdrawn(app.output, result.kernel, notices);
            const withdrawn = notices.withdrawn ?? null;
            return { json: { outcome, ...kernelDocument(result.kernel), withdrawn }, text: "" };
          } catch (error) {
            if (!(error instanceof BangerError) || app.context.signal.aborted) throw error;
            throw error.during(`cannot pull ${name}`);
          }
        });
      }),
    );
}

async function refresh(app: App, context: Context): Promise<void> {
  const { updateCatalog } = await import("../../ops/update-catalog.ts");
  const { outcome, standing } = await updateCatalog(context, {
    from: undefined,
    acceptExpired: false,
  });
  const { serial } = standing.catalog;
  const words = outcome === "current" ? `${serial} is the newest there is` : `${serial} is new`;
  app.output.note(`catalog ${words}`);
}

/** What was verified once stays good; whether there is a newer one is another matter. */
async function warnOfExpiry(app: App, context: Context): Promise<void> {
  const { expiredRole } = await import("../../ops/catalog-age.ts");
  try {
    const standing = await context.standing();
    const expired = expiredRole(standing);
    if (expired === undefined) return;
    app.output.warn(
      `the signatures of catalog ${standing.catalog.serial} expired on ${expired.expires} (${expired.role}), and it may not be the newest: banger catalog update`,
    );
  } catch (error) {
    // The pull says it better.
    if (!(error instanceof BangerError)) throw error;
  }
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
