import * as v from "valibot";
import { type Arch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import { isSha256, type Sha256 } from "./sha256.ts";
import { parseStrictly } from "./strict-json.ts";

/** A configuration of Firecracker's, pinned by the commit in its URL and by its hash. */
export interface ConfigPin {
  /** Its file name. */
  readonly name: string;
  readonly url: string;
  readonly sha256: Sha256;
}

/** What a kernel of one architecture is configured with, in the order in which it is merged. */
export interface RecipeConfiguration {
  /** Firecracker's configuration of this architecture, then what it puts on top of it. */
  readonly pins: readonly ConfigPin[];
  /** Our own fragments: file names beside the recipe. */
  readonly fragments: readonly string[];
}

/** How the kernels of one minor line are built. @see docs/formats/recipe.md */
export interface Recipe {
  readonly version: 1;
  /** Like `6.12`. */
  readonly line: string;
  readonly architectures: Readonly<Partial<Record<Arch, RecipeConfiguration>>>;
  /** Symbols that a fragment asks for and that this line cannot have: symbol → reason. */
  readonly unavailable: Readonly<Record<string, string>>;
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
  /** Where Firecracker's configuration may not survive: reason → symbols. */
  readonly drift: Readonly<Record<string, readonly string[]>>;
}

/** No recipe may be larger: 1 MiB. */
export const maxRecipeBytes: number = 2 ** 20;

const symbol = v.pipe(
  v.string(),
  v.regex(/^[A-Z0-9][A-Za-z0-9_]*$/, "must be a symbol without CONFIG_"),
);
const fileName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, "must be a file name"),
);
const configuration = v.strictObject({
  pins: v.pipe(
    v.array(
      v.strictObject({
        name: fileName,
        url: v.pipe(v.string(), v.regex(/^https:\/\/[\x21-\x7e]+$/, "must be an https URL")),
        sha256: v.custom<Sha256>(
          (value) => typeof value === "string" && isSha256(value),
          "must be 64 lower-case hexadecimal digits",
        ),
      }),
    ),
    v.minLength(1, "must name a configuration"),
  ),
  fragments: v.array(fileName),
});
const schema = v.strictObject({
  version: v.literal(1, "must be 1"),
  line: v.pipe(v.string(), v.regex(/^\d{1,4}\.\d{1,4}$/, "must be like 6.12")),
  architectures: v.strictObject({
    x86_64: v.exactOptional(configuration),
    arm64: v.exactOptional(configuration),
  }),
  unavailable: v.record(symbol, v.pipe(v.string(), v.minLength(1, "must tell the reason"))),
  required: v.array(symbol),
  forbidden: v.array(symbol),
  drift: v.record(v.pipe(v.string(), v.minLength(1)), v.array(symbol)),
});

/**
 * Reads a recipe. Nothing in it is passed over.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `failed`, naming the field.
 */
export function parseRecipe(json: string, origin: string): Recipe {
  return parseStrictly(schema, json, (reason, cause) => refuse(origin, reason, cause));
}

/**
 * What the recipe says of one architecture.
 *
 * @throws {BangerError} `not-found`.
 */
export function configurationOf(recipe: Recipe, arch: Arch): RecipeConfiguration {
  const found = recipe.architectures[arch];
  if (found !== undefined) return found;
  throw new BangerError("not-found", `the recipe of ${recipe.line} has nothing for ${arch}`, {
    hint: `it has ${Object.keys(recipe.architectures).join(", ")}`,
  });
}

function refuse(origin: string, reason: string, cause?: unknown): BangerError {
  return new BangerError("failed", `cannot use the recipe ${origin}: ${reason}`, {
    hint: "the format is described in docs/formats/recipe.md",
    cause,
  });
}
