import path from "node:path";
import type { Command } from "commander";
import { formatBytes } from "../../core/sizes.ts";
import { gitUserName } from "../../io/git.ts";
import { inOrder } from "../../ops/catalog-text.ts";
import {
  planPublish,
  publish,
  type PublishedObject,
  type PublishInput,
  type PublishResult,
} from "../../ops/publish.ts";
import { type App, kernelVersionOf, pathOf, entryReferenceOf, type Run } from "../app.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly description: string;
  readonly kernelVersion?: string;
  readonly arch?: string;
  readonly dryRun?: true;
  readonly upload: boolean;
  readonly allowOlder?: true;
  readonly wait: boolean;
  readonly out: string;
  readonly catalog: string;
  readonly facts: string;
}

/** `publish`. */
export function addPublish(program: Command, run: Run, repository: Repository): void {
  program
    .command("publish")
    .summary("pack an installed kernel, upload it, and name it in the catalog")
    .description(
      "Pack an installed kernel, upload tarball and build sidecar to their immutable names, fetch them by their public URLs and compare, and only then name them in the catalog. Interrupted anywhere, run again it finishes.",
    )
    .argument("<name>", "NAME[:ARCH] of an installed kernel")
    .requiredOption("--description <text>", "what people read in the list")
    .option("--kernel-version <version>", "how the catalog is to call its version")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("-n, --dry-run", "only tell what would be done")
    .option("--no-upload", "pack and name it in the catalog; push uploads it later")
    .option("--allow-older", "also when the catalog has a newer kernel")
    .option("--no-wait", "fail when somebody else is changing the catalog")
    .option("--out <folder>", "where tarball and sidecar are kept", repository.bundles)
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--facts <file>", "until when each line is kept up", repository.supportFile)
    .addHelpText("after", `\n${publicationHelp}`)
    .action(
      run(async (app, [name = ""], options: Options) => {
        const { bucket, baseUrl } = publicationOf(app);
        const catalogFile = path.resolve(pathOf(options.catalog, "--catalog"));
        const input: PublishInput = {
          reference: entryReferenceOf(app, name, options.arch),
          description: options.description,
          kernelVersion:
            options.kernelVersion === undefined
              ? undefined
              : kernelVersionOf(options.kernelVersion),
          catalogFile,
          out: path.resolve(pathOf(options.out, "--out")),
          cache: repository.cache,
          supportFile: path.resolve(pathOf(options.facts, "--facts")),
          baseUrl,
          publisher: await publisherOf(app, repository),
          program: `banger-maint ${repository.version}`,
          allowOlder: options.allowOlder === true,
          wait: options.wait,
        };
        const target = options.upload ? bucket : undefined;
        const dryRun = options.dryRun === true;
        const result = await (dryRun ? planPublish : publish)(app.context, target, input);
        tellRest(app, input, result, dryRun);
        return { json: document(result, dryRun), text: result.plan.diff };
      }),
    );
}

/** Who publishes: as git knows them, else the name of the user. */
async function publisherOf(app: App, { root }: Repository): Promise<string> {
  const { environment, signal } = app.context;
  const { variables, sudoUser, uid } = environment;
  const name = await gitUserName({ folder: root, environment: variables, signal });
  return (name ?? sudoUser ?? variables["USER"] ?? `user ${uid}`).slice(0, 200);
}

const resultWords = {
  present: "is there already, and as it must be",
  uploaded: "is uploaded, and everybody can fetch it",
  kept: "is packed, and not uploaded: scripts/banger-maint push",
  "would-upload": "would be uploaded",
  "would-compare": "is there already, and would be compared, byte for byte",
  "would-keep": "would be packed, and not uploaded",
} as const satisfies Record<PublishedObject["result"], string>;

function tellRest(
  app: App,
  { catalogFile, reference }: PublishInput,
  { objects, plan, hasProvenance }: PublishResult,
  dryRun: boolean,
): void {
  if (!hasProvenance) {
    app.output.warn(
      `${reference.name} has no provenance.json: nobody can build it again, and push brings no source for it, which its licence asks you to offer`,
    );
  }
  for (const { key, sizeBytes, result } of objects) {
    app.output.note(`${key}: ${formatBytes(sizeBytes)}, ${resultWords[result]}`);
  }
  const { change, serial } = plan;
  const entry = `the entry ${reference.name} ${dryRun ? "would be" : "is"} ${change}, serial ${serial}`;
  app.output.note(`${catalogFile}: ${change === "none" ? "nothing to change" : entry}`);
}

function document(result: PublishResult, dryRun: boolean): unknown {
  const { entry, plan, objects } = result;
  return {
    dry_run: dryRun,
    change: plan.change,
    serial: plan.serial,
    entry: inOrder(entry),
    objects: objects.map(({ key, url, sha256, sizeBytes, result: outcome }) => ({
      key,
      url,
      sha256,
      size_bytes: sizeBytes,
      result: outcome,
    })),
  };
}
