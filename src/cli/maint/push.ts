import path from "node:path";
import type { Command } from "commander";
import { push } from "../../ops/push.ts";
import { errorDocument, pathOf, type Run } from "../app.ts";
import { renderTable } from "../table.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly dryRun?: true;
  readonly wait: boolean;
  readonly bundles: string;
  readonly cache: string;
  readonly catalog: string;
  readonly trust: string;
  readonly metadataOnly?: true;
}

/** `push`. */
export function addPush(program: Command, run: Run, repository: Repository): void {
  program
    .command("push")
    .summary("upload whatever the catalog names and the bucket lacks")
    .description(
      "Bring every tarball and sidecar of the catalog, and the sources they were built from, to the bucket, and fetch each by its public URL. What is there is compared and left. Last comes the signed repository, if trust renew has made a timestamp: only then hosts see any of it. Run again it does nothing new.",
    )
    .option("-n, --dry-run", "only tell what would be uploaded")
    .option("--no-wait", "fail when somebody else is changing the catalog")
    .option("--bundles <folder>", "where tarballs and sidecars are", repository.bundles)
    .option("--cache <folder>", "the cache of builds: sources are in it", repository.cache)
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--trust <folder>", "the signed repository", repository.trust)
    .option("--metadata-only", "bring the signed repository alone, whatever catalog is here")
    .addHelpText("after", `\n${publicationHelp}`)
    .action(
      run(async (app, _names, options: Options) => {
        const { bucket, baseUrl } = publicationOf(app);
        const dryRun = options.dryRun === true;
        const pushed = await push(app.context, bucket, {
          catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
          bundles: path.resolve(pathOf(options.bundles, "--bundles")),
          cache: path.resolve(pathOf(options.cache, "--cache")),
          trust: path.resolve(pathOf(options.trust, "--trust")),
          baseUrl,
          metadataOnly: options.metadataOnly === true,
          dryRun,
          wait: options.wait,
        });
        const failures = pushed.flatMap(({ failure }) => failure ?? []);
        for (const failure of failures) app.output.error(failure.message, failure.hint);
        const [first] = failures;
        const json = {
          dry_run: dryRun,
          objects: pushed.map(({ key, kind, entry, result, failure }) => ({
            key,
            kind,
            entry: entry ?? null,
            result,
            error: failure === undefined ? null : errorDocument(failure),
          })),
          ...(first === undefined ? {} : { error: errorDocument(first) }),
        };
        const text = renderTable(
          app.output,
          [{ heading: "RESULT" }, { heading: "KIND" }, { heading: "KEY", flexible: true }],
          pushed.map(({ result, kind, key }) => [result, kind, key]),
        );
        return { json, text, exitCode: first?.exitCode ?? 0 };
      }),
    );
}
