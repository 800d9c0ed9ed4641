/** The repository's own files, as its house rules see them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

const repository = resolve(import.meta.dirname, "../..");

/** The text of a file of the repository. */
export function readRepositoryFile(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

/** Paths of all files below some folders of the repository, sorted; a folder may be missing. */
export function filesBelow(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => {
      try {
        return readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1));
      } catch {
        return [];
      }
    })
    .sort();
}

/** The TypeScript files below some folders of the repository. */
export function sourcesBelow(...folders: readonly string[]): SourceFile[] {
  return filesBelow(...folders)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => ({ path, text: readRepositoryFile(path) }));
}

/** The text without its comments; strings stay. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** What a file imports: paths of the repository for its own files, names as written for all others. */
export function importsOf(file: SourceFile): string[] {
  const pattern = /(?<!\.)\b(?:from\s*|import\s*\(?\s*)(["'])(?<name>[^"'\n]+)\1/g;
  return [...withoutComments(file.text).matchAll(pattern)].map(({ groups }) => {
    const name = groups?.["name"] ?? "";
    return name.startsWith(".") ? normalize(join(dirname(file.path), name)) : name;
  });
}

/** The room of the house that a path lies in: `src/core/arch.ts` in `core`. */
export function roomOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "src" ? second : first;
}
