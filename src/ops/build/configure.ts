import path from "node:path";
import type { Arch } from "../../core/arch.ts";
import { BangerError } from "../../core/errors.ts";
import {
  formatKconfig,
  type Kconfig,
  maxKconfigBytes,
  mergeKconfigs,
  parseKconfig,
} from "../../core/kconfig.ts";
import { type KconfigRules, requireSoundKconfig } from "../../core/kconfig-audit.ts";
import type { BuildInput } from "../../core/provenance.ts";
import { configurationOf, maxRecipeBytes, parseRecipe, type Recipe } from "../../core/recipe.ts";
import { readText, replaceFile } from "../../io/files.ts";
import { sha256Of } from "../../io/hash.ts";
import type { Context } from "../context.ts";
import type { Kbuild } from "./kbuild.ts";
import { obtainPinned, type Pinned } from "./pinned.ts";

/** A recipe and where it lies; its fragments lie beside it. */
export interface LoadedRecipe {
  readonly recipe: Recipe;
  readonly file: string;
  readonly input: BuildInput;
}

/** A configuration before `make olddefconfig`, and what it was made of. */
export interface WantedConfiguration {
  readonly rules: KconfigRules;
  readonly inputs: readonly BuildInput[];
}

/** Reads a recipe. @throws {BangerError} `not-found`, when there is no such file; `failed`; `io` */
export function loadRecipe(file: string): LoadedRecipe {
  const text = readText(file, maxRecipeBytes);
  if (text === undefined) {
    throw new BangerError("not-found", `there is no recipe ${file}`, {
      hint: "a recipe is one file a kernel line in catalog/recipes, like 6.12.json",
    });
  }
  const input = { kind: "recipe", name: path.basename(file), sha256: sha256Of(text) } as const;
  return { recipe: parseRecipe(text, file), file, input };
}

/**
 * Brings together Firecracker's pinned configurations and our fragments.
 *
 * @param given files of the user: one with the hash of a pin stands for that pin; another one takes the
 * place of Firecracker's configuration.
 * @throws {BangerError} `failed`, `not-found`, `io`, and what {@link obtainPinned} throws.
 */
export async function wantedConfiguration(
  context: Context,
  cache: string,
  loaded: LoadedRecipe,
  arch: Arch,
  given: readonly string[],
): Promise<WantedConfiguration> {
  const { recipe } = loaded;
  const { pins, fragments } = configurationOf(recipe, arch);
  const files = given.map((file) => readConfigFile(file, "config"));
  const own = files.filter((file) => pins.every((pin) => pin.sha256 !== file.input.sha256));
  if (own.length > 1) {
    throw new BangerError(
      "usage",
      `${own.map(({ input }) => input.name).join(" and ")} are both no pinned configuration`,
      { hint: "only one file can take the place of Firecracker's configuration" },
    );
  }
  const base: ConfigFile[] = [];
  for (const [index, pin] of pins.entries()) {
    const replacement = index === 0 ? own[0] : undefined;
    const same = files.find((file) => file.input.sha256 === pin.sha256);
    base.push(replacement ?? pinned(pin, same ?? (await fetchPin(context, cache, pin))));
  }
  if (own[0] !== undefined) {
    context.report({
      kind: "step",
      name: recipe.line,
      text: `${own[0].input.name} takes the place of ${pins[0]?.name ?? "Firecracker's configuration"}`,
    });
  }
  const folder = path.dirname(loaded.file);
  const ours = fragments.map((name) => readConfigFile(path.join(folder, name), "fragment"));
  return {
    rules: {
      base: mergeKconfigs(...base.map(({ config }) => config)),
      asked: mergeKconfigs(...ours.map(({ config }) => config)),
      unavailable: new Set(Object.keys(recipe.unavailable)),
      required: recipe.required,
      forbidden: recipe.forbidden,
      allowedDrift: new Set(Object.values(recipe.drift).flat()),
    },
    inputs: [...base, ...ours].map(({ input }) => input),
  };
}

/** A configuration, and what the provenance says of it. */
export interface ConfigFile {
  readonly config: Kconfig;
  readonly input: BuildInput;
}

/** Reads a configuration of the user, or a fragment. @throws {BangerError} `failed`, `io` */
export function readConfigFile(file: string, kind: BuildInput["kind"]): ConfigFile {
  const text = readText(file, maxKconfigBytes);
  if (text === undefined) {
    throw new BangerError("io", `cannot read the configuration ${file}: no such file`);
  }
  return {
    config: parseKconfig(text, file),
    input: { kind, name: path.basename(file), sha256: sha256Of(text) },
  };
}

async function fetchPin(context: Context, cache: string, pin: Pinned): Promise<ConfigFile> {
  return readConfigFile(await obtainPinned(context, cache, pin, maxKconfigBytes), "config");
}

/** Named as the pin is, wherever the file came from: the provenance is the same. */
function pinned(pin: Pinned, file: ConfigFile): ConfigFile {
  return { ...file, input: { ...file.input, name: pin.name, uri: pin.url } };
}

/**
 * Configures a build: writes the merged configuration, lets `make olddefconfig` finish it, and holds
 * the result to the rules.
 *
 * @returns the finished `.config`.
 * @throws {BangerError} `verification-failed`, with every symbol that is not as it was asked for; what
 * {@link Kbuild.make} throws.
 */
export async function configure(
  kbuild: Kbuild,
  wanted: WantedConfiguration,
  recipe: string,
): Promise<string> {
  const merged = mergeKconfigs(wanted.rules.base, wanted.rules.asked);
  const finished = await finishConfiguration(kbuild, formatKconfig(merged));
  requireSoundKconfig(parseKconfig(finished, ".config"), wanted.rules, recipe);
  return finished;
}

/** Lets `make olddefconfig` finish a configuration. @returns the `.config` */
export async function finishConfiguration(kbuild: Kbuild, config: string): Promise<string> {
  const file = path.join(kbuild.objects, ".config");
  replaceFile(file, config);
  await kbuild.make(["olddefconfig"]);
  const finished = readText(file, maxKconfigBytes);
  if (finished === undefined) throw new BangerError("failed", `make olddefconfig wrote no ${file}`);
  return finished;
}
