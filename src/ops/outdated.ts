import path from "node:path";
import { type Arch, isArch } from "../core/arch.ts";
import { findEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { type KernelRelease, maxReleasesBytes, newestRelease } from "../core/kernel-releases.ts";
import { compareVersions, isKernelVersion, type KernelVersion } from "../core/kernel-version.ts";
import { maxRecipeBytes, parseRecipe, type Recipe } from "../core/recipe.ts";
import { fetchSmallFile } from "../io/fetch-file.ts";
import { listNames, readText } from "../io/files.ts";
import { MemorySink } from "../io/memory-sink.ts";
import type { Context } from "./context.ts";

/** Where kernel.org tells which releases there are. */
export const releasesUrl = "https://www.kernel.org/releases.json";

/** How the catalog's kernel of a line and architecture stands to what kernel.org has. */
export interface LineStanding {
  /** Like `6.12`. */
  readonly line: string;
  readonly arch: Arch;
  /** Undefined: there is a recipe, and the catalog has no kernel of it yet. */
  readonly catalogVersion: KernelVersion | undefined;
  /** The newest that kernel.org or the catalog has. */
  readonly newestVersion: KernelVersion;
}

/** What {@link findOutdated} found. */
export interface Outdated {
  /** By line, the oldest first, then by architecture. */
  readonly standings: readonly LineStanding[];
  /** Lines that have a recipe, and of which kernel.org tells nothing any more. */
  readonly droppedLines: readonly string[];
  /** Lines that kernel.org still has and mends no more. */
  readonly endedLines: readonly string[];
}

/** Whether there is something to build. */
export function isOutdated({ catalogVersion, newestVersion }: LineStanding): boolean {
  return catalogVersion !== newestVersion;
}

/**
 * Compares the catalog with the releases of kernel.org, for each recipe and each of its architectures.
 *
 * @param recipes the folder of the recipes.
 * @param url of `releases.json`: https.
 * @throws {BangerError} `network`, `timeout`, `verification-failed`, when the list of releases cannot be had;
 * `not-found`, when there are no recipes; `failed`, when one is wrong; `bad-catalog`, `io`; the signal's reason.
 */
export async function findOutdated(
  context: Context,
  recipes: string,
  url: string = releasesUrl,
): Promise<Outdated> {
  const catalog = await context.catalog();
  const wanted = readRecipes(recipes);
  const json = await fetchReleases(context, url);
  const found = wanted.map((recipe) => ({ recipe, release: releaseOf(json, recipe.line, url) }));
  const standings = found.flatMap(({ recipe, release }) =>
    release === undefined
      ? []
      : architecturesOf(recipe).map((arch): LineStanding => {
          const catalogVersion = findEntry(catalog, `generic-${recipe.line}`, arch)?.kernel_version;
          const newestVersion = newerOf(catalogVersion, release.version);
          return { line: recipe.line, arch, catalogVersion, newestVersion };
        }),
  );
  return {
    standings,
    droppedLines: found.flatMap(({ recipe, release }) =>
      release === undefined ? [recipe.line] : [],
    ),
    endedLines: found.flatMap(({ recipe, release }) =>
      release?.isEndOfLife === true ? [recipe.line] : [],
    ),
  };
}

function readRecipes(folder: string): Recipe[] {
  const files = listNames(folder).filter((name) => name.endsWith(".json"));
  if (files.length === 0) {
    throw new BangerError("not-found", `there are no recipes in ${folder}`, {
      hint: "a recipe is one file a kernel line, like catalog/recipes/6.12.json",
    });
  }
  const recipes = files.map((name) => {
    const file = path.join(folder, name);
    const recipe = parseRecipe(readText(file, maxRecipeBytes) ?? "", file);
    if (name === `${recipe.line}.json`) return recipe;
    throw new BangerError(
      "failed",
      `cannot use the recipe ${file}: it is of the line ${recipe.line}, expected the name ${recipe.line}.json`,
    );
  });
  return recipes.toSorted((a, b) => byLine(a.line, b.line));
}

function byLine(a: string, b: string): number {
  // A line is written as the first version of it is.
  return isKernelVersion(a) && isKernelVersion(b) ? compareVersions(a, b) : 0;
}

function architecturesOf(recipe: Recipe): Arch[] {
  return Object.keys(recipe.architectures).filter(isArch).toSorted();
}

async function fetchReleases(context: Context, url: string): Promise<string> {
  const { environment, signal, userAgent } = context;
  const answer = new MemorySink();
  await fetchSmallFile(url, answer, {
    maxBytes: maxReleasesBytes,
    timeoutMs: environment.httpTimeoutMs,
    retries: environment.httpRetries,
    environment: environment.variables,
    signal,
    userAgent,
    onRetry: (failure, delayMs) => {
      context.report({ kind: "retry", name: "kernel.org", failure, delayMs });
    },
  });
  return new TextDecoder().decode(answer.bytes());
}

/** Undefined for a line that kernel.org has dropped. */
function releaseOf(json: string, line: string, origin: string): KernelRelease | undefined {
  try {
    return newestRelease(json, line, origin);
  } catch (error) {
    if (error instanceof BangerError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** An answer that is older than the catalog, from some cache on the way, is no reason to go back. */
function newerOf(a: KernelVersion | undefined, b: KernelVersion): KernelVersion {
  return a !== undefined && compareVersions(a, b) > 0 ? a : b;
}
