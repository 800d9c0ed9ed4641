/** Which npm packages are in the executable: by what the bundler says, not by what package.json does. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "bun";
import * as v from "valibot";

const repository = resolve(import.meta.dirname, "..");

/** One npm package of which the executable holds at least a file. */
export interface CompiledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly license: string;
  /** Of the tarball that it came in, as package-lock.json pins it: hexadecimal. */
  readonly sha512: string;
  /** Where it lies, relative to the repository: `node_modules/valibot`. */
  readonly folder: string;
  /** The folders of the packages that its files import. */
  readonly imports: readonly string[];
}

const lockSchema = v.object({
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      license: v.optional(v.string()),
      integrity: v.optional(v.string()),
    }),
  ),
});

/** What package-lock.json says of a package. */
export interface LockedPackage {
  readonly version: string;
  /** SPDX; empty when the package does not say. */
  readonly license: string;
  /** Hexadecimal. */
  readonly sha512: string;
}

/**
 * What package-lock.json says of the package in a folder.
 *
 * @param folder as the lock has it: `node_modules/valibot`.
 * @throws {Error} when the lock does not pin it.
 */
export function lockedPackage(folder: string): LockedPackage {
  const text = readFileSync(join(repository, "package-lock.json"), "utf8");
  const entry = v.parse(lockSchema, JSON.parse(text)).packages[folder];
  const base64 = /^sha512-(?<base64>[\w+/=]+)$/.exec(entry?.integrity ?? "")?.groups?.["base64"];
  if (entry?.version === undefined || base64 === undefined) {
    throw new Error(`package-lock.json does not pin ${folder}`);
  }
  const sha512 = Buffer.from(base64, "base64").toString("hex");
  return { version: entry.version, license: entry.license ?? "", sha512 };
}

/** `node_modules/a/node_modules/@b/c/d.js` → `node_modules/a/node_modules/@b/c`; undefined for our own files. */
function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/**
 * Bundles bin/banger.ts as `make build` does, and looks at what came of it.
 *
 * @returns sorted by folder.
 * @throws {Error} when it cannot be bundled, or package-lock.json does not pin what is in it.
 */
export async function compiledIn(): Promise<CompiledPackage[]> {
  const { metafile } = await build({
    entrypoints: [join(repository, "bin/banger.ts"), join(repository, "src/io/hash-worker.ts")],
    root: repository,
    target: "bun",
    format: "esm",
    minify: true,
    splitting: true,
    metafile: true,
  });
  if (metafile === undefined) throw new Error("the bundler does not say what it bundled");
  const imports = new Map<string, Set<string>>();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = packageFolder(path);
      if (folder !== undefined && bytesInOutput > 0) imports.set(folder, new Set());
    }
  }
  for (const [path, input] of Object.entries(metafile.inputs)) {
    const from = packageFolder(path) ?? "";
    for (const imported of input.imports) {
      const to = packageFolder(imported.path);
      if (to !== undefined && to !== from && imports.has(to)) imports.get(from)?.add(to);
    }
  }
  return [...imports]
    .map(([folder, targets]) => {
      const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
      return { name, folder, imports: [...targets].sort(), ...lockedPackage(folder) };
    })
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}
