/** The architectures that Firecracker runs on, by the names that the catalog uses. */
export type Arch = "x86_64" | "arm64";

const aliases: ReadonlyMap<string, Arch> = new Map([
  ["x86_64", "x86_64"],
  ["amd64", "x86_64"],
  ["x64", "x86_64"],
  ["arm64", "arm64"],
  ["aarch64", "arm64"],
]);

/**
 * The architecture that a person, `uname -m` or Node calls `text`, or undefined.
 *
 * @example
 * parseArch("aarch64"); // "arm64"
 */
export function parseArch(text: string): Arch | undefined {
  return aliases.get(text);
}

/** Narrows `text` to the exact spelling that catalogs and manifests use. */
export function isArch(text: string): text is Arch {
  return text === "x86_64" || text === "arm64";
}
