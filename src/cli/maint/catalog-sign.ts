import type { Command } from "commander";
import type { EntryChange } from "../../core/catalog-changes.ts";
import { lifetimeDays } from "../../trust/lifetimes.ts";
import { pathOf, type Run, wholeNumber } from "../app.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";
import { keyHelp, signedDocument, signedLine } from "./signed-metadata.ts";
import { addPlaceFlags, placeOf, type PlaceOptions } from "./trust-place.ts";

interface Options extends PlaceOptions {
  readonly key: string;
  readonly renew?: true;
  readonly days: string;
}

/** `catalog sign`. */
export function addCatalogSign(catalog: Command, run: Run, repository: Repository): void {
  const sign = catalog
    .command("sign")
    .summary("add your signature to the catalog as it is here")
    .description(
      "Add one signature to the catalog as it is here, and tell how it differs from the one that was signed last. The first to sign fixes version and expiry, the others sign the same bytes; signing twice changes nothing.",
    )
    .requiredOption("--key <file>", "your private key: a file, or env:NAME")
    .option("--renew", "sign the same catalog for longer")
    .option("--days <n>", "how long the signatures are good for", String(lifetimeDays.targets));
  addPlaceFlags(sign, repository)
    .addHelpText("after", `\n${keyHelp}\n\n${publicationHelp}`)
    .action(
      run(async (app, _names, options: Options) => {
        const { signCatalog } = await import("../../ops/trust/sign-catalog.ts");
        const result = await signCatalog(app.context, {
          ...placeOf(options, repository),
          keyPlace: pathOf(options.key, "--key"),
          checkout: repository.root,
          baseUrl: publicationOf(app).baseUrl,
          renew: options.renew === true,
          days: wholeNumber(options.days, "--days"),
        });
        const { signed, sha256, serialBefore, changes } = result;
        const { serial, entries } = result.catalog;
        const head = `catalog ${serial} with ${entries.length} kernels, ${sha256}`;
        const since =
          serialBefore === undefined ? "no catalog was signed before" : `since ${serialBefore}:`;
        const lines = changes.map((change) => `  ${changeLine(change)}`);
        return {
          json: {
            serial,
            serial_before: serialBefore ?? null,
            catalog_sha256: sha256,
            changes: changes.map(({ name, arch, change, fields, kernelVersion }) => ({
              name,
              arch,
              change,
              fields,
              kernel_version: kernelVersion,
            })),
            signed: signedDocument(signed),
          },
          text: [head, since, ...lines, signedLine(signed)].join("\n"),
        };
      }),
    );
}

const marks = { added: "+", removed: "-", changed: "~" } as const;

function changeLine({ name, arch, change, fields, kernelVersion }: EntryChange): string {
  const what = fields.length === 0 ? "" : `: ${fields.join(", ")}`;
  return `${marks[change]} ${name}:${arch} ${kernelVersion}${what}`;
}
