import path from "node:path";
import type { Command } from "commander";
import { pathOf, type Run } from "../app.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly key?: string;
  readonly catalog: string;
  readonly wait: boolean;
}

/** `sums`. */
export function addSums(program: Command, run: Run, repository: Repository): void {
  program
    .command("sums")
    .summary("write SHA256SUMS for people without banger, and sign it with minisign")
    .description(
      "Write SHA256SUMS of the catalog and of all its tarballs beside the catalog, and sign it with minisign. push brings both.",
    )
    .option("--key <file>", "a secret key of minisign: a file, or env:NAME")
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--no-wait", "fail when somebody else is signing or changing the catalog")
    .addHelpText(
      "after",
      `\n${publicationHelp}\n  BANGER_KEY_PASSPHRASE   the passphrase of an encrypted key`,
    )
    .action(
      run(async (app, _names, options: Options) => {
        const { sumsFile, sumsSignature, writeSums } = await import("../../ops/sums.ts");
        const { folder, serial, text, trustedComment } = await writeSums(app.context, {
          catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
          cache: repository.cache,
          checkout: repository.root,
          baseUrl: publicationOf(app).baseUrl,
          keyPlace: options.key === undefined ? undefined : pathOf(options.key, "--key"),
          wait: options.wait,
        });
        const isSigned = trustedComment !== undefined;
        if (!isSigned) app.output.warn(`${sumsFile} is not signed: nobody can trust it yet`);
        return {
          json: {
            serial,
            sums: path.join(folder, sumsFile),
            signature: isSigned ? path.join(folder, sumsSignature) : null,
            trusted_comment: trustedComment ?? null,
          },
          text,
        };
      }),
    );
}
