import type { Command } from "commander";
import type { Comparison, Reproduction } from "../../ops/build/reproduce.ts";
import { isReproduced, reproduce } from "../../ops/build/reproduce.ts";
import { loadReleaseKeys } from "../../ops/build/release-keys.ts";
import { requireEntry } from "../../ops/pull.ts";
import { referenceOf, type Run } from "../app.ts";
import { jobsOf } from "./build.ts";
import { publicationOf } from "./publication.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly arch?: string;
  readonly source?: string;
  readonly jobs?: string;
  readonly ccache: boolean;
}

/** `reproduce`. */
export function addReproduce(program: Command, run: Run, repository: Repository): void {
  program
    .command("reproduce")
    .summary("build an entry again and compare the bytes")
    .description(
      "Build the kernel of an entry again, from the source and with the configuration that its bundle names, and say whether the bytes are the same, and where they first differ. Exits 4 when they differ.",
    )
    .argument("<name>", "NAME[:ARCH]")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--source <file|url>", "where the source is, when it is not in the build cache")
    .option("--jobs <n>", "programs at the same time; default: one a CPU")
    .option("--ccache", "take compiled objects from an earlier build", false)
    .action(
      run(async (app, names, options: Options) => {
        const { context } = app;
        const { cache, version, keys, bundles } = repository;
        const entry = requireEntry(
          await context.catalog(),
          referenceOf(app, names[0] ?? "", options.arch),
        );
        const reproduction = await reproduce(
          context,
          { cache, version, keys: loadReleaseKeys(keys) },
          {
            entry,
            bundles,
            baseUrl: publicationOf(app).baseUrl,
            source: options.source,
            jobs: jobsOf(options.jobs),
            ccache: options.ccache,
          },
        );
        const matches = isReproduced(reproduction);
        return {
          json: { name: entry.name, arch: entry.arch, matches, ...documentOf(reproduction) },
          text: textOf(`${entry.name} (${entry.arch})`, matches, reproduction),
          exitCode: matches ? 0 : 4,
        };
      }),
    );
}

function documentOf({ comparisons, tools, out }: Reproduction): Readonly<Record<string, unknown>> {
  return {
    path: out,
    files: comparisons.map(({ name, recorded, rebuilt, difference }) => ({
      name,
      recorded,
      rebuilt,
      matches: recorded === rebuilt,
      first_difference:
        difference === undefined
          ? null
          : {
              offset: difference.offset,
              recorded: difference.left ?? null,
              rebuilt: difference.right ?? null,
              section: difference.section ?? null,
            },
    })),
    tools: tools.map(({ name, recorded, here }) => ({ name, recorded, here: here ?? null })),
  };
}

function textOf(what: string, matches: boolean, { comparisons, tools, out }: Reproduction): string {
  return [
    ...comparisons.flatMap(lines),
    ...tools.map(
      ({ name, recorded, here }) => `tool: ${name} is ${here ?? "not there"}, was ${recorded}`,
    ),
    matches
      ? `${what} is reproduced: every byte is the same`
      : `${what} is not reproduced; what was built is in ${out}`,
  ].join("\n");
}

function lines({ name, recorded, rebuilt, difference }: Comparison): string[] {
  if (recorded === rebuilt) return [`same: ${rebuilt}  ${name}`];
  return [
    `differs: ${rebuilt}  ${name}`,
    `         ${recorded}  is recorded`,
    ...(difference === undefined
      ? []
      : [
          `first difference: byte ${difference.offset}${difference.section === undefined ? "" : ` in ${difference.section}`}, ${byte(difference.left)} recorded, ${byte(difference.right)} here`,
        ]),
  ];
}

function byte(value: number | undefined): string {
  return value === undefined ? "the end" : `0x${value.toString(16).padStart(2, "0")}`;
}
