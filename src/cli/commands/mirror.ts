import type { Command } from "commander";
import { parseCatalogName } from "../../core/kernel-name.ts";
import { defaultCatalog } from "../../core/reference.ts";
import { escapeControls } from "../../core/escape.ts";
import { formatBytes } from "../../core/sizes.ts";
import { daysSince } from "../../io/clock.ts";
import type { MirroredFile, MirrorSyncResult } from "../../ops/mirror/sync.ts";
import type { WantedEntries } from "../../ops/mirror/wanted.ts";
import { type App, entryReferenceOf, pathOf, type Run } from "../app.ts";

interface SyncOptions {
  readonly catalog?: string;
  readonly entries?: readonly string[];
  readonly refresh: boolean;
  readonly prune?: true;
}

/** `mirror sync`. */
export function addMirror(mirror: Command, run: Run): void {
  mirror
    .command("sync")
    .summary("make a folder that any web server can serve as a mirror, or bring it up to date")
    .description(
      "Bring the catalog, its signatures and its tarballs into a folder, which BANGER_MIRRORS can name and any web server can serve. Only what is missing or wrong is fetched; files that are not of the mirror stay as they are.",
    )
    .argument("<folder>", "made when it is missing")
    .option("--catalog <name>", "a catalog that was added, in place of banger's own")
    .option("--entries <name...>", "only the tarballs of NAME[:ARCH]; the catalog is always whole")
    .option("--no-refresh", "mirror the catalog that is here, without asking for a newer one")
    .option("--prune", "remove tarballs that the catalog does not name any more")
    .action(
      run(async (app, names, options: SyncOptions) => {
        const { syncMirror } = await import("../../ops/mirror/sync.ts");
        const { scopeTo } = await import("../../ops/catalog-scope.ts");
        const name = parseCatalogName(options.catalog ?? defaultCatalog);
        const context = scopeTo(app.context, name);
        const result = await syncMirror(context, {
          folder: pathOf(names[0] ?? "", "the folder"),
          entries: options.entries?.map((text) => wantedOf(app, text)),
          refresh: options.refresh,
          prune: options.prune === true,
        });
        noteSignatures({ ...app, context }, result);
        return { json: documentOf(result), text: summaryOf(result) };
      }),
    );
}

function wantedOf(app: App, text: string): WantedEntries {
  const { name, arch } = entryReferenceOf(app, text, undefined);
  return { name, arch: text.includes(":") ? arch : undefined };
}

function noteSignatures({ output, context }: App, { expires }: MirrorSyncResult): void {
  if (expires === undefined) {
    const why =
      context.environment.catalogFile !== undefined
        ? "the catalog of BANGER_CATALOG has no signatures"
        : context.embedded.root === undefined
          ? "this banger was built without a root of trust"
          : "the catalog within banger has no signatures";
    output.note(`${why}: the folder has tarballs for those who have a catalog, and no metadata`);
  } else if (daysSince(expires) >= 0) {
    output.warn(
      `the signatures were good until ${expires}: hosts take this catalog only with catalog update --from FOLDER --accept-expired`,
    );
  }
}

function summaryOf({ folder, catalog, kernels, expires, files }: MirrorSyncResult): string {
  const of = (result: MirroredFile["result"]): readonly MirroredFile[] =>
    files.filter((file) => file.result === result);
  const fetched = of("fetched");
  const sizeBytes = fetched.reduce((sum, file) => sum + file.sizeBytes, 0);
  const counts = [
    `${fetched.length} files are new (${formatBytes(sizeBytes)})`,
    `${of("present").length} were there`,
    ...(of("removed").length === 0 ? [] : [`${of("removed").length} are removed`]),
  ];
  const until = expires === undefined ? "" : `, good until ${expires}`;
  return `${escapeControls(folder)} has catalog ${catalog.serial}${until}, with ${kernels} of ${catalog.entries.length} kernels: ${counts.join(", ")}`;
}

function documentOf({ folder, catalog, kernels, expires, files }: MirrorSyncResult): object {
  return {
    folder,
    serial: catalog.serial,
    updated: catalog.updated,
    kernels,
    signed: expires !== undefined,
    expires: expires ?? null,
    objects: files.map(({ key, kind, result, sizeBytes }) => ({
      key,
      kind,
      result,
      size_bytes: sizeBytes,
    })),
  };
}
