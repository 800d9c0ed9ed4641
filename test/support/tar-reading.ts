import { BangerError, type ErrorCode } from "../../src/core/errors.ts";
import { type TarEntry, TarReader } from "../../src/core/tar-reader.ts";
import { concat } from "./tar-builder.ts";

/** An entry as it was read, a file with its whole content. */
export interface ReadEntry {
  readonly entry: TarEntry;
  readonly content: Uint8Array;
}

/** Reads an archive with `TarReader`, cut into chunks of this size. */
export function readTar(archive: Uint8Array, chunkBytes: number = archive.length): ReadEntry[] {
  const read: { entry: TarEntry; parts: Uint8Array[]; ended: boolean }[] = [];
  const reader = new TarReader({
    entry: (entry) => void read.push({ entry, parts: [], ended: entry.kind !== "file" }),
    data: (chunk) => void read.at(-1)?.parts.push(chunk.slice()),
    endOfFile: () => {
      const last = read.at(-1);
      if (last === undefined || last.ended) throw new Error("endOfFile without a file");
      last.ended = true;
    },
  });
  for (let offset = 0; offset < archive.length; offset += Math.max(1, chunkBytes)) {
    reader.push(archive.subarray(offset, offset + chunkBytes));
  }
  reader.end();
  if (!read.every(({ ended }) => ended)) throw new Error("a file has no endOfFile");
  return read.map(({ entry, parts }) => ({ entry, content: concat(...parts) }));
}

/**
 * The message of the BangerError that this throws; undefined if it returns. Any other error, or one of
 * another code, comes through: it is a bug.
 */
export function refusal(code: ErrorCode, run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof BangerError && error.code === code) return error.message;
    throw error;
  }
}

/** Why `TarReader` refuses an archive; undefined if it does not. */
export function tarRefusal(archive: Uint8Array, chunkBytes?: number): string | undefined {
  return refusal("unsafe-archive", () => readTar(archive, chunkBytes));
}

/** What GNU tar lists: the kind's letter, the size, the name without a directory's slash, any link target. */
export function gnuTarList(archive: Uint8Array): { lines: string[]; stderr: string } {
  const options = ["--numeric-owner", "--full-time", "--utc", "--quoting-style=literal"];
  const tar = Bun.spawnSync(["tar", "-tvf", "-", ...options], {
    stdin: archive,
    env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
  });
  const lines = tar.stdout.toString().split("\n").slice(0, -1);
  return {
    lines: lines.map((line) =>
      line.replace(/^(.)\S* \S+ +(\d+) \S+ \S+ +(.*)$/, "$1 $2 $3").replace(/^(d .*)\/$/, "$1"),
    ),
    stderr: tar.stderr.toString(),
  };
}

/** What we list, in the form of `gnuTarList`. */
export function ourList(archive: Uint8Array): string[] {
  return readTar(archive).map(({ entry }) => {
    if (entry.kind === "file") return `- ${entry.sizeBytes} ${entry.path}`;
    if (entry.kind === "directory") return `d 0 ${entry.path}`;
    return `l 0 ${entry.path} -> ${entry.target}`;
  });
}
