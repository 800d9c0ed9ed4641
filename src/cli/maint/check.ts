import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { loadCatalog } from "../../io/catalog-file.ts";
import { type CheckedObject, checkPublished } from "../../ops/check-published.ts";
import { errorDocument, pathOf, type Run } from "../app.ts";
import { renderTable } from "../table.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly catalog: string;
}

/** `check`. */
export function addCheck(program: Command, run: Run, repository: Repository): void {
  program
    .command("check")
    .summary("download all that the catalog names, and compare it")
    .description(
      "Download every tarball and sidecar of the catalog from its own URL, and compare size and hash. Exits with 4 when a file is wrong or missing, with 5 when a server could not be reached.",
    )
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .action(
      run(async (app, _names, options: Options) => {
        const catalog = loadCatalog(pathOf(options.catalog, "--catalog"));
        const checked = await checkPublished(app.context, catalog);
        const failure = verdict(checked, options.catalog);
        if (failure !== undefined) app.output.error(failure.message, failure.hint);
        const json = {
          catalog: options.catalog,
          serial: catalog.serial,
          objects: checked.map(({ name, arch, kind, key, url, status, failure: problem }) => ({
            name,
            arch,
            kind,
            key,
            url,
            status,
            problem: problem?.message ?? null,
          })),
          ...(failure === undefined ? {} : { error: errorDocument(failure) }),
        };
        const text = renderTable(
          app.output,
          [
            { heading: "NAME" },
            { heading: "ARCH" },
            { heading: "KIND" },
            { heading: "STATUS", flexible: true },
          ],
          checked.map((object) => [object.name, object.arch, object.kind, said(object)]),
        );
        return { json, text, exitCode: failure?.exitCode ?? 0 };
      }),
    );
}

function said({ status, failure }: CheckedObject): string {
  return failure === undefined ? status : `${status}: ${failure.message}`;
}

function verdict(checked: readonly CheckedObject[], catalog: string): BangerError | undefined {
  const bad = checked.filter(({ status }) => status !== "ok");
  if (bad.length === 0) return undefined;
  const isKnownBad = bad.some(({ status }) => status !== "unreachable");
  return new BangerError(
    isKnownBad ? "verification-failed" : "network",
    `${bad.length} of the ${checked.length} files of ${catalog} cannot be fetched as it says`,
    {
      hint: bad.some(({ status }) => status === "missing")
        ? "what is missing: scripts/banger-maint push"
        : undefined,
    },
  );
}
