import path from "node:path";
import type { Arch } from "../../core/arch.ts";
import { configurationOf } from "../../core/recipe.ts";
import { lookThrough } from "../../io/files.ts";
import type { Context } from "../context.ts";
import { type BuildKernelInput, type BuildPlace, requireOutput } from "./build.ts";
import { loadRecipe, readConfigFile } from "./configure.ts";
import { requireSource } from "./mirrored-source.ts";
import { missingTools } from "./tools.ts";

/** What a build would do. */
export interface BuildPlan {
  readonly line: string;
  readonly arch: Arch;
  readonly out: string;
  /** Undefined: the newest of the line. */
  readonly version: string | undefined;
  /** Undefined: kernel.org, with its signature. */
  readonly mirrored: BuildKernelInput["mirrored"];
  /** In the order in which they are merged. */
  readonly configurations: readonly { readonly name: string; readonly from: string }[];
  /** Programs that are not there. */
  readonly missing: readonly string[];
}

/**
 * Says what {@link buildKernel} would do, without the network and without writing anything.
 *
 * @throws {BangerError} `not-found`, `refused`, `failed`, `io`, as the recipe deserves.
 */
export function planBuild(context: Context, place: BuildPlace, input: BuildKernelInput): BuildPlan {
  const { recipe, file } = loadRecipe(input.recipe);
  const { pins, fragments } = configurationOf(recipe, input.arch);
  const { version, mirrored, out, arch } = input;
  if (mirrored !== undefined) requireSource(mirrored.source);
  requireOutput(out);
  const given = input.configs.map((config) => {
    const { sha256 } = readConfigFile(config, "config").input;
    return { config, sha256 };
  });
  const own = given.find(({ sha256 }) => pins.every((pin) => pin.sha256 !== sha256));
  const configurations = [
    ...pins.map(({ name, sha256, url }, index) => {
      if (index === 0 && own !== undefined) return planned(own.config);
      const same = given.find((one) => one.sha256 === sha256);
      if (same !== undefined) return { name, from: path.resolve(same.config) };
      const kept = path.join(place.cache, "sources", sha256);
      return { name, from: lookThrough(kept) === undefined ? url : kept };
    }),
    ...fragments.map((name) => planned(path.join(path.dirname(file), name))),
  ];
  const missing = missingTools(context, arch).map(({ program }) => program);
  return { line: recipe.line, arch, out, version, mirrored, configurations, missing };
}

function planned(file: string): { readonly name: string; readonly from: string } {
  return { name: path.basename(file), from: path.resolve(file) };
}
