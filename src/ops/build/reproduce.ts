import path from "node:path";
import { bundleNames } from "../../core/bundle-tree.ts";
import type { CatalogEntry } from "../../core/catalog.ts";
import { elfSections, sectionOf } from "../../core/elf-sections.ts";
import { BangerError } from "../../core/errors.ts";
import { maxKconfigBytes } from "../../core/kconfig.ts";
import {
  type BuildFacts,
  type BuildInput,
  maxProvenanceBytes,
  parseProvenance,
  sourceOf,
} from "../../core/provenance.ts";
import type { Sha256 } from "../../core/sha256.ts";
import { copyFile } from "../../io/build-files.ts";
import { makeFolder, readText, removeTree } from "../../io/files.ts";
import { type FirstDifference, firstDifference } from "../../io/first-difference.ts";
import { readRange } from "../../io/read-range.ts";
import { hashFile } from "../../io/tree-reader.ts";
import { KernelStore } from "../../store/kernel-store.ts";
import type { Context } from "../context.ts";
import { packBundle } from "../pack-bundle.ts";
import { pull } from "../pull.ts";
import { type BuildPlace, compile, prepareKbuild } from "./build.ts";
import { finishConfiguration } from "./configure.ts";
import { withBuildLock } from "./lock.ts";
import { obtainSource } from "./source.ts";
import { requireTools } from "./tools.ts";

/** What to build again. */
export interface ReproduceInput {
  readonly entry: CatalogEntry;
  /** The tarballs of the checkout; one that is not there is fetched from its URL. */
  readonly bundles: string;
  /** Where published files are, with a slash at its end. */
  readonly baseUrl: string;
  /** Where the source is: a file or a URL. Undefined: the cache, or where it was published. */
  readonly source: string | undefined;
  readonly jobs: number | undefined;
  readonly ccache: boolean;
}

/** One file that was built again. */
export interface Comparison {
  /** `vmlinux`, `kernel.config`, or the name of the tarball. */
  readonly name: string;
  readonly recorded: Sha256;
  readonly rebuilt: Sha256;
  /** Where they part; undefined when they are the same, and for the tarball. */
  readonly difference: (FirstDifference & { readonly section: string | undefined }) | undefined;
}

/** What became of it. */
export interface Reproduction {
  readonly comparisons: readonly Comparison[];
  /** Tools that say another version of themselves here than in the provenance. */
  readonly tools: readonly {
    readonly name: string;
    readonly recorded: string;
    readonly here: string | undefined;
  }[];
  /** Where the rebuilt files are. */
  readonly out: string;
}

/** Whether all bytes are the same. */
export function isReproduced(reproduction: Reproduction): boolean {
  return reproduction.comparisons.every(({ recorded, rebuilt }) => recorded === rebuilt);
}

/**
 * Builds the kernel of an entry again, from the source and the configuration that its bundle names, and
 * compares every byte, that of the tarball too.
 *
 * @throws {BangerError} `not-found`, when its bundle tells no provenance; what `pull` and `buildKernel`
 * throw. That the bytes differ is no error.
 */
export async function reproduce(
  context: Context,
  place: BuildPlace,
  input: ReproduceInput,
): Promise<Reproduction> {
  const { entry } = input;
  requireTools(context, entry.arch);
  const published = await unpackPublished(context, place.cache, input);
  const facts = readProvenance(published, entry);
  const recordedSource = sourceOf(facts, entry.name);
  const source = await obtainSource(context, place.cache, place.keys, {
    line: facts.line,
    version: facts.kernelVersion,
    mirrored: {
      sha256: recordedSource.sha256,
      source: input.source ?? addressOf(recordedSource, input.baseUrl),
    },
  });
  const name = `again-${entry.name}-${entry.arch}`;
  const out = path.join(place.cache, "reproduced", `${entry.name}-${entry.arch}`);
  return withBuildLock(context, place.cache, name, async () => {
    const { arch } = entry;
    const { jobs, ccache } = input;
    const kbuild = prepareKbuild(context, place, { name, arch, source, jobs, ccache });
    context.report({ kind: "step", name, text: `configuring Linux ${source.version}` });
    const config = readText(path.join(published, bundleNames.config), maxKconfigBytes) ?? "";
    await finishConfiguration(kbuild, config);
    const built = await compile(context, place, kbuild, {
      name,
      line: facts.line,
      arch,
      out,
      source: { ...source, trust: facts.trust },
      inputs: facts.inputs,
    });
    const comparisons = [
      ...compareFiles(facts, published, out),
      await compareTarball(context, place.cache, entry, published, out),
    ];
    return { comparisons, tools: otherTools(facts.tools, built.facts.tools), out };
  });
}

/** Where a source is had that is not in the cache: where it came from, or where we published it. */
function addressOf({ uri, sha256 }: BuildInput, baseUrl: string): string {
  return uri?.startsWith("https://") === true ? uri : `${baseUrl}sources/${sha256}`;
}

/** Fetches and verifies the bundle as everybody's `pull` does, into a store of its own. */
async function unpackPublished(
  context: Context,
  cache: string,
  input: ReproduceInput,
): Promise<string> {
  const { name, arch } = input.entry;
  const stateDir = path.join(cache, "published");
  const environment = {
    ...context.environment,
    stateDir,
    kernelsDir: path.join(stateDir, "kernels"),
    mirrors: [input.bundles, ...context.environment.mirrors],
  };
  const store = KernelStore.open(environment, "write");
  const { kernel } = await pull(
    { ...context, environment },
    store,
    { name, arch, build: undefined },
    { force: false, wait: true, allowWithdrawn: true },
  );
  return kernel.treeDirectory;
}

function readProvenance(folder: string, entry: CatalogEntry): BuildFacts {
  const file = path.join(folder, bundleNames.provenance);
  const text = readText(file, maxProvenanceBytes);
  if (text !== undefined) return parseProvenance(text, file);
  throw new BangerError(
    "not-found",
    `the bundle of ${entry.name} (${entry.arch}) does not tell how it was built`,
    { hint: "only kernels with a provenance.json can be built again" },
  );
}

/** What was published is compared, not what its provenance says of it. */
function compareFiles(facts: BuildFacts, published: string, out: string): Comparison[] {
  return Object.entries(facts.outputs).map(([name, claimed]) => {
    const [left, right] = [path.join(published, name), path.join(out, name)];
    const [recorded, rebuilt] = [digestOf(left), digestOf(right)];
    const found = firstDifference(left, right);
    if (found === undefined) {
      if (rebuilt === claimed) return { name, recorded, rebuilt, difference: undefined };
      throw new BangerError("verification-failed", `${left} is not what its provenance says`);
    }
    const sections = elfSections((offset, sizeBytes) => readRange(left, offset, sizeBytes));
    const section = sectionOf(sections, found.offset)?.name;
    return { name, recorded, rebuilt, difference: { ...found, section } };
  });
}

/** Packs the rebuilt files with the recorded provenance: the same files must give the same tarball. */
async function compareTarball(
  { signal }: Context,
  cache: string,
  entry: CatalogEntry,
  published: string,
  out: string,
): Promise<Comparison> {
  const { name, arch, distro, description, kernel_version: kernelVersion } = entry;
  const folder = path.join(cache, "reproduced", `${name}-${arch}.packed`);
  const from = path.join(folder, "tree");
  removeTree(folder);
  try {
    makeFolder(from);
    for (const file of [bundleNames.kernel, bundleNames.config]) {
      copyFile(path.join(out, file), path.join(from, file));
    }
    copyFile(path.join(published, bundleNames.provenance), path.join(from, bundleNames.provenance));
    const input = { from, out: folder, name, arch, distro, description, kernelVersion, signal };
    const packed = await packBundle(input);
    return {
      name: path.basename(new URL(entry.tarball_url).pathname),
      recorded: entry.tarball_sha256,
      rebuilt: packed.entry.tarball_sha256,
      difference: undefined,
    };
  } finally {
    removeTree(folder);
  }
}

function otherTools(
  recorded: Readonly<Record<string, string>>,
  here: Readonly<Record<string, string>>,
): Reproduction["tools"] {
  return Object.entries(recorded)
    .filter(([name, version]) => here[name] !== version)
    .map(([name, version]) => ({ name, recorded: version, here: here[name] }));
}

function digestOf(file: string): Sha256 {
  const digest = hashFile(file);
  if (digest === undefined) throw new BangerError("io", `cannot read ${file}: it is gone`);
  return digest;
}
