/** Bun's runtime, which each executable is made of for the most part. */
import * as v from "valibot";
import list from "./bun-parts.json" with { type: "json" };
import { type LockedPackage, lockedPackage } from "./compiled-in.ts";

/** The executables of a release, and the package that their runtime comes from. */
export const runtimePackages = {
  "banger-linux-x64": "@oven/bun-linux-x64",
  "banger-linux-arm64": "@oven/bun-linux-aarch64",
} as const;

/** The name of an executable of a release. */
export type ExecutableName = keyof typeof runtimePackages;

/** Those names. */
export const executableNames: readonly ExecutableName[] = [
  "banger-linux-x64",
  "banger-linux-arm64",
];

/** What Bun links into its runtime. */
export interface RuntimePart {
  readonly name: string;
  /** Undefined when Bun does not say. */
  readonly version: string | undefined;
  /** SPDX. */
  readonly license: string;
  readonly copyright: string;
  /** An address. */
  readonly source: string;
}

const listSchema = v.object({
  parts: v.array(
    v.strictObject({
      name: v.string(),
      version: v.optional(v.string()),
      license: v.string(),
      copyright: v.string(),
      source: v.string(),
    }),
  ),
  not_parts: v.array(v.string()),
});

/**
 * What Bun links into its runtime, with the versions that the running Bun tells.
 *
 * @throws {Error} when it tells of a part that bun-parts.json does not have, or the other way round.
 */
export function runtimeParts(
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): RuntimePart[] {
  const { parts, not_parts: others } = v.parse(listSchema, list);
  const known = new Set([...parts.map(({ version }) => version), ...others]);
  const unknown = Object.keys(versions).filter((name) => !known.has(name));
  const gone = parts.filter(({ version }) => version !== undefined && !(version in versions));
  if (unknown.length > 0 || gone.length > 0) {
    const names = [...unknown, ...gone.map(({ name }) => name)].join(", ");
    throw new Error(`packaging/bun-parts.json is not of this Bun: ${names}`);
  }
  return parts.map((part) => ({
    ...part,
    version: part.version === undefined ? undefined : versions[part.version],
  }));
}

/**
 * The package of the runtime of an executable.
 *
 * @throws {Error} when package-lock.json pins another version than that of the running Bun, whose parts we tell.
 */
export function runtimePackage(executable: ExecutableName): LockedPackage & { name: string } {
  const name = runtimePackages[executable];
  const locked = lockedPackage(`node_modules/${name}`);
  if (locked.version !== process.versions.bun) {
    throw new Error(`${name} is ${locked.version}, and this Bun ${process.versions.bun}`);
  }
  return { name, ...locked };
}
