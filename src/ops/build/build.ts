import path from "node:path";
import type { Arch } from "../../core/arch.ts";
import { requireBootable } from "../../core/bootable.ts";
import type { BuildLog } from "../../core/build-record.ts";
import { bundleNames } from "../../core/bundle-tree.ts";
import { BangerError } from "../../core/errors.ts";
import { identifyImage, imageHeadBytes } from "../../core/kernel-image.ts";
import { BannerSearch } from "../../core/kernel-banner.ts";
import type { KernelVersion } from "../../core/kernel-version.ts";
import { type BuildFacts, type BuildInput, formatProvenance } from "../../core/provenance.ts";
import type { Sha256 } from "../../core/sha256.ts";
import { copyFile, replaceFolder } from "../../io/build-files.ts";
import { now } from "../../io/clock.ts";
import {
  freeBytes,
  listNames,
  lookThrough,
  makeFolder,
  removeTree,
  replaceFile,
} from "../../io/files.ts";
import { readHead } from "../../io/read-range.ts";
import { sha256Of } from "../../io/hash.ts";
import { cpuCount, hostName } from "../../io/host.ts";
import { hashFile, readChunks } from "../../io/tree-reader.ts";
import type { Context } from "../context.ts";
import { configure, loadRecipe, wantedConfiguration } from "./configure.ts";
import { Kbuild } from "./kbuild.ts";
import { withBuildLock } from "./lock.ts";
import { requireSource } from "./mirrored-source.ts";
import { obtainSource, type SourceInput, type KernelSource } from "./source.ts";
import type { ReleaseKeys } from "./release-keys.ts";
import { requireTools, toolVersions } from "./tools.ts";

/** The folders and keys of the checkout that a build works with. */
export interface BuildPlace {
  /** Sources, configurations, objects and build records; may be removed at any time. */
  readonly cache: string;
  readonly keys: ReleaseKeys;
  /** Of the banger that builds. */
  readonly version: string;
}

/** What to build. */
export interface BuildKernelInput {
  readonly recipe: string;
  readonly arch: Arch;
  /** Where `vmlinux`, `kernel.config` and `provenance.json` go. */
  readonly out: string;
  /** Undefined: the newest patch level of the recipe's line. */
  readonly version: KernelVersion | undefined;
  readonly mirrored: SourceInput["mirrored"];
  /** Where a mirrored source is had, for its provenance: a package URL. */
  readonly sourceUri: string | undefined;
  /** Configurations of the user; see `wantedConfiguration`. */
  readonly configs: readonly string[];
  readonly jobs: number | undefined;
  readonly ccache: boolean;
}

/** A kernel that was built. */
export interface BuiltKernel {
  readonly out: string;
  readonly facts: BuildFacts;
}

/** Objects with debug information, the linked kernel several times, the source: measured, rounded up. */
const neededBytes = 10 * 2 ** 30;

/**
 * Builds a kernel: source, configuration, make, provenance. The same source, recipe and tools give the
 * same bytes, whoever builds, where, and with how many jobs.
 *
 * @throws {BangerError} `verification-failed`, when source or configuration is not what it must be;
 * `failed`, when a tool is missing or the build fails; `no-space`, `io`, `network`, `timeout`; `refused`,
 * when the output folder holds what no build wrote; the signal's reason. The output folder is then as it
 * was.
 * @see docs/formats/provenance.md
 */
export async function buildKernel(
  context: Context,
  place: BuildPlace,
  input: BuildKernelInput,
): Promise<BuiltKernel> {
  const loaded = loadRecipe(input.recipe);
  const { line } = loaded.recipe;
  const startedAt = now();
  if (input.mirrored !== undefined) requireSource(input.mirrored.source);
  requireOutput(input.out);
  makeFolder(place.cache);
  requireSpace(place.cache);
  const wanted = await wantedConfiguration(context, place.cache, loaded, input.arch, input.configs);
  requireTools(context, input.arch);
  const source = await obtainSource(context, place.cache, place.keys, {
    line,
    version: input.version,
    mirrored: input.mirrored,
  });
  const name = `generic-${line}-${input.arch}`;
  return withBuildLock(context, place.cache, name, async () => {
    const kbuild = prepareKbuild(context, place, { ...input, name, source });
    context.report({ kind: "step", name, text: `configuring Linux ${source.version}` });
    await configure(kbuild, wanted, input.recipe);
    const inputs = [sourceInput(source, input), loaded.input, ...wanted.inputs];
    const built = await compile(context, place, kbuild, {
      name,
      line,
      arch: input.arch,
      out: input.out,
      source,
      inputs,
    });
    keepRecord(place.cache, built.provenance, startedAt, kbuild.usesCcache);
    return { out: input.out, facts: built.facts };
  });
}

function requireSpace(folder: string): void {
  const bytes = freeBytes(folder);
  if (bytes >= neededBytes) return;
  throw new BangerError(
    "no-space",
    `${folder} has ${Math.floor(bytes / 2 ** 20)} MiB free, a build needs ${neededBytes / 2 ** 20}`,
    { hint: "free some space, or put the checkout on a larger disk" },
  );
}

/** What a build begins with. */
export interface PrepareInput extends Pick<BuildKernelInput, "arch" | "jobs" | "ccache"> {
  /** Of its objects folder, and in messages. */
  readonly name: string;
  readonly source: KernelSource;
}

/** Begins with an empty objects folder: what another build left there must not get into this one. */
export function prepareKbuild(context: Context, place: BuildPlace, input: PrepareInput): Kbuild {
  const { name, arch, source } = input;
  const objects = path.join(place.cache, "objects", name);
  removeTree(objects);
  const kbuild = new Kbuild(context, {
    arch,
    source: source.tree,
    objects,
    jobs: input.jobs ?? cpuCount(),
    ccache: input.ccache ? { folder: path.join(place.cache, "ccache") } : undefined,
    sourceDateEpoch: source.sourceDateEpoch,
  });
  kbuild.prepare();
  return kbuild;
}

/** A configured build, and what its provenance is to say. */
export interface CompileInput {
  readonly name: string;
  readonly line: string;
  readonly arch: Arch;
  readonly out: string;
  readonly source: KernelSource;
  readonly inputs: readonly BuildInput[];
}

/** Compiles what is configured, and puts kernel, configuration and provenance into the output folder. */
export async function compile(
  context: Context,
  place: BuildPlace,
  kbuild: Kbuild,
  input: CompileInput,
): Promise<{ readonly facts: BuildFacts; readonly provenance: string }> {
  const { name, arch, source, out } = input;
  context.report({ kind: "step", name, text: `compiling; its log is ${kbuild.log}` });
  await kbuild.make([path.basename(kbuild.image)]);
  const command = [...kbuild.command, path.basename(kbuild.image)];
  const tools = await toolVersions(kbuild);
  let done: { readonly facts: BuildFacts; readonly provenance: string } | undefined;
  const foreign = await replaceFolder(out, isOutput, async (folder) => {
    const vmlinux = path.join(folder, bundleNames.kernel);
    if (arch === "x86_64") {
      await kbuild.binutil("strip", ["--strip-all", "-o", vmlinux, kbuild.image]);
    } else {
      copyFile(kbuild.image, vmlinux);
    }
    requireKernel(vmlinux, arch, source.version);
    const config = path.join(folder, bundleNames.config);
    copyFile(path.join(kbuild.objects, ".config"), config);
    const facts: BuildFacts = {
      line: input.line,
      arch,
      kernelVersion: source.version,
      trust: source.trust,
      inputs: input.inputs,
      command,
      environment: kbuild.environment,
      tools,
      outputs: {
        [bundleNames.kernel]: digestOf(vmlinux),
        [bundleNames.config]: digestOf(config),
      },
      builderVersion: place.version,
    };
    const provenance = formatProvenance(facts);
    replaceFile(path.join(folder, bundleNames.provenance), provenance);
    done = { facts, provenance };
  });
  if (foreign.length > 0 || done === undefined) throw foreignOutput(out, foreign);
  return done;
}

/** Makes sure that a build may replace a folder. @throws {BangerError} `refused`, `io` */
export function requireOutput(out: string): void {
  const foreign = listNames(out).filter((name) => !isOutput(name));
  if (foreign.length > 0) throw foreignOutput(out, foreign);
}

function foreignOutput(out: string, foreign: readonly string[]): BangerError {
  const some = foreign.slice(0, 3).join(", ") + (foreign.length > 3 ? ", …" : "");
  return new BangerError("refused", `${out} holds what no build wrote: ${some}`, {
    hint: "name an empty folder, or one of an earlier build: --out DIR",
  });
}

function isOutput(name: string): boolean {
  return [bundleNames.kernel, bundleNames.config, bundleNames.provenance].some(
    (known) => known === name,
  );
}

function requireKernel(file: string, arch: Arch, version: KernelVersion): void {
  const size = lookThrough(file)?.size ?? 0;
  requireBootable(identifyImage(readHead(file, imageHeadBytes), size), arch, file);
  const search = new BannerSearch();
  readChunks(file, (chunk) => {
    search.push(chunk);
  });
  if (search.found?.version === version || search.found?.release === version) return;
  throw new BangerError(
    "verification-failed",
    `the kernel calls itself ${search.found?.release ?? "nothing"}, expected ${version}`,
  );
}

function digestOf(file: string): Sha256 {
  const digest = hashFile(file);
  if (digest === undefined) throw new Error(`${file} was written a moment ago`);
  return digest;
}

function sourceInput(source: KernelSource, input: BuildKernelInput): BuildInput {
  const { name, url, sha256 } = source.tarball;
  return { kind: "source", name, sha256, uri: input.sourceUri ?? url };
}

/** Keeps what is dated for the day on which the kernel is published. */
function keepRecord(cache: string, provenance: string, startedAt: string, ccache: boolean): void {
  const folder = path.join(cache, "builds");
  const sha256 = sha256Of(provenance);
  makeFolder(folder);
  const record: BuildLog = {
    version: 1,
    provenance_sha256: sha256,
    started_at: startedAt,
    finished_at: now(),
    host: hostName(),
    cpus: cpuCount(),
    ccache,
  };
  replaceFile(path.join(folder, `${sha256}.json`), `${JSON.stringify(record, undefined, 2)}\n`);
}
