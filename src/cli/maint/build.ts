import path from "node:path";
import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { isSha256, type Sha256 } from "../../core/sha256.ts";
import type { BuildFacts } from "../../core/provenance.ts";
import { kernelLine } from "../../core/kernel-version.ts";
import type { SourceTrust } from "../../core/source-trust.ts";
import { type BuildKernelInput, buildKernel } from "../../ops/build/build.ts";
import { type BuildPlan, planBuild } from "../../ops/build/plan.ts";
import { loadReleaseKeys } from "../../ops/build/release-keys.ts";
import { archOf, kernelVersionOf, pathOf, type Run, wholeNumber } from "../app.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly line: string;
  readonly version?: string;
  readonly arch?: string;
  readonly out: string;
  readonly source?: string;
  readonly sourceSha256?: string;
  readonly sourcePurl?: string;
  readonly config: readonly string[];
  readonly recipe?: string;
  readonly jobs?: string;
  readonly ccache: boolean;
  readonly dryRun?: true;
}

/** `build`, which scripts/make-generic-kernel.sh runs. */
export function addBuild(program: Command, run: Run, repository: Repository): void {
  program
    .command("build")
    .summary("build a kernel from a verified source")
    .description(
      "Build a kernel of the catalog: fetch its source from kernel.org and verify its signature, configure it by the line's recipe, compile. The same source, recipe and tools give the same bytes.",
    )
    .option("--line <line>", "the minor line, one of catalog/recipes/", "6.12")
    .option("--version <version>", "like 6.12.117; default: the line's newest on kernel.org")
    .option("--arch <arch>", "x86_64 or arm64; default: this machine's")
    .option(
      "--out <folder>",
      "where the kernel goes",
      path.join(repository.root, "build/manual/generic-kernel"),
    )
    .option("--source <file|url>", "a mirrored source, trusted for its hash")
    .option("--source-sha256 <sha256>", "the hash of the mirrored source")
    .option("--source-purl <purl>", "the package that it is of, for the provenance")
    .option(
      "--config <file>",
      "a pinned configuration that is here already, or another in place of Firecracker's",
      (file: string, before: readonly string[]) => [...before, file],
      [],
    )
    .option("--recipe <file>", "another recipe than catalog/recipes/LINE.json")
    .option("--jobs <n>", "programs at the same time; default: one a CPU")
    .option("--no-ccache", "do not use ccache")
    .option("--dry-run", "say what would be built, and from what")
    .action(
      run(async (app, _names, options: Options) => {
        const { hostArch } = app.context.environment;
        const input: BuildKernelInput = {
          recipe: options.recipe ?? recipeOf(repository, options.line),
          arch: archOf(options.arch) ?? hostArch,
          out: path.resolve(pathOf(options.out, "--out")),
          version: options.version === undefined ? undefined : kernelVersionOf(options.version),
          mirrored: mirroredOf(options),
          sourceUri: options.sourcePurl,
          configs: options.config,
          jobs: jobsOf(options.jobs),
          ccache: options.ccache,
        };
        requireSameLine(options);
        const { cache, version, keys } = repository;
        const place = { cache, version, keys: loadReleaseKeys(keys) };
        if (options.dryRun) {
          const plan = planBuild(app.context, place, input);
          return { json: planDocument(plan), text: planText(plan) };
        }
        const { out, facts } = await buildKernel(app.context, place, input);
        return { json: { path: out, ...documentOf(facts) }, text: summaryOf(out, facts) };
      }),
    );
}

/** @throws {BangerError} `usage` */
function requireSameLine({ line, version, recipe }: Options): void {
  if (version === undefined || recipe !== undefined) return;
  if (kernelLine(kernelVersionOf(version)) === line) return;
  throw new BangerError("usage", `${version} is not of line ${line}`, {
    hint: `name the line too: --line ${kernelLine(kernelVersionOf(version))}`,
  });
}

/** @throws {BangerError} `usage` */
function recipeOf(repository: Repository, line: string): string {
  if (/^\d{1,4}\.\d{1,4}$/.test(line)) return path.join(repository.recipes, `${line}.json`);
  throw new BangerError("usage", `${JSON.stringify(line)} is not a minor line`, {
    hint: "a line is like 6.12; a patch level is named by --version",
  });
}

function mirroredOf(options: Options): BuildKernelInput["mirrored"] {
  const { source, sourceSha256: sha256 } = options;
  if (source === undefined) {
    if (sha256 === undefined && options.sourcePurl === undefined) return undefined;
    throw new BangerError("usage", "--source-sha256 and --source-purl say more of a --source", {
      hint: "without --source, the source is kernel.org's and must be signed",
    });
  }
  if (sha256 === undefined) {
    throw new BangerError(
      "usage",
      "--source needs --source-sha256: nobody's signature vouches for it",
      {
        hint: "take the hash from where you trust, not from the file",
      },
    );
  }
  if (!isSha256(sha256)) {
    throw new BangerError("usage", "--source-sha256 is not 64 lower-case hexadecimal digits");
  }
  return { source: pathOf(source, "--source"), sha256 };
}

/** @throws {BangerError} `usage` */
export function jobsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const jobs = wholeNumber(text, "--jobs");
  if (jobs >= 1 && jobs <= 1024) return jobs;
  throw new BangerError("usage", `--jobs is ${jobs}, expected 1 to 1024`);
}

function planDocument(plan: BuildPlan): Readonly<Record<string, unknown>> {
  const { line, arch, out, version, mirrored, configurations, missing } = plan;
  return {
    line,
    arch,
    path: out,
    kernel_version: version ?? null,
    source: mirrored?.source ?? null,
    source_sha256: mirrored?.sha256 ?? null,
    configurations,
    missing_tools: missing,
  };
}

function planText(plan: BuildPlan): string {
  const { line, arch, version, mirrored } = plan;
  return [
    `would build Linux ${version ?? `${line}, the newest patch level,`} for ${arch} into ${plan.out}`,
    mirrored === undefined
      ? "source: kernel.org, with its signature"
      : `source: ${mirrored.source}, sha256 ${mirrored.sha256}`,
    ...plan.configurations.map(({ name, from }) => `configuration: ${name}, from ${from}`),
    ...plan.missing.map((program) => `missing: ${program}`),
  ].join("\n");
}

function documentOf(facts: BuildFacts): Readonly<Record<string, unknown>> {
  const source = facts.inputs.find(({ kind }) => kind === "source");
  return {
    line: facts.line,
    arch: facts.arch,
    kernel_version: facts.kernelVersion,
    source_sha256: source?.sha256 ?? null,
    source_trust: facts.trust,
    outputs: facts.outputs,
  };
}

function summaryOf(out: string, facts: BuildFacts): string {
  const digests = Object.entries(facts.outputs) as readonly (readonly [string, Sha256])[];
  return [
    `Linux ${facts.kernelVersion} for ${facts.arch} is in ${out}`,
    `source: ${trustText(facts.trust)}`,
    ...digests.map(([name, sha256]) => `${sha256}  ${name}`),
  ].join("\n");
}

function trustText(trust: SourceTrust): string {
  return trust.kind === "hash"
    ? "trusted for its SHA-256, which was given; no signature was looked at"
    : `signed by ${trust.holder} (${trust.fingerprint})`;
}
