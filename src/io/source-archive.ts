import * as fs from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { Variables } from "./environment.ts";
import { guard, listNames, lookAt, makeFolder, removeTree } from "./files.ts";
import { HeldFile } from "./held-file.ts";
import { syncFileSystem } from "./libc.ts";
import { lastWords, runTool } from "./tool.ts";
import type { ChildEnd } from "./child.ts";

export interface ArchiveOptions {
  readonly variables: Variables;
  readonly signal: AbortSignal;
  /** No tar, and no file within, may be longer. */
  readonly maxBytes: number;
}

interface Format {
  readonly name: string;
  readonly at: number;
  readonly magic: readonly number[];
  /** What undoes it; undefined: it is a tar already. */
  readonly program: "xz" | "gzip" | "zstd" | undefined;
}

const formats: readonly Format[] = [
  { name: ".tar.xz", at: 0, magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], program: "xz" },
  { name: ".tar.gz", at: 0, magic: [0x1f, 0x8b], program: "gzip" },
  { name: ".tar.zst", at: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], program: "zstd" },
  { name: ".tar", at: 257, magic: [...Buffer.from("ustar")], program: undefined },
];

/**
 * Undoes the compression of a tarball, into a file on the filesystem of `folder` that has no name,
 * so that nobody can put another in its place.
 *
 * @throws {BangerError} `verification-failed`, when it is no tarball, is damaged or unpacks to more
 * than `maxBytes`; `failed`, when a program is missing; `no-space`, `io`; the signal's reason.
 */
export async function decompress(
  tarball: HeldFile,
  folder: string,
  options: ArchiveOptions,
): Promise<HeldFile> {
  const head = tarball.head(512);
  const format = formats.find(({ at, magic }) =>
    magic.every((byte, index) => head[at + index] === byte),
  );
  if (format === undefined) {
    throw new BangerError(
      "verification-failed",
      `the source is none of ${formats.map(({ name }) => name).join(", ")}`,
    );
  }
  if (format.program === undefined) return HeldFile.again(tarball.descriptor);
  using input = HeldFile.again(tarball.descriptor);
  const tar = HeldFile.nameless(folder);
  try {
    const end = await runTool({
      program: format.program,
      args: ["-dc"],
      variables: options.variables,
      signal: options.signal,
      stdin: input.descriptor,
      stdout: tar.descriptor,
      maxFileBytes: options.maxBytes,
    });
    if (end.exitCode === 0) return tar;
    // SIGXFSZ, or EFBIG where that signal is ignored.
    if (end.exitCode === 153 || /File too large/i.test(end.stderr)) {
      throw new BangerError(
        "verification-failed",
        `the source unpacks to more than ${options.maxBytes} bytes`,
      );
    }
    throw toolFailure("cannot decompress the source", "verification-failed", end);
  } catch (error) {
    tar[Symbol.dispose]();
    throw error;
  }
}

/**
 * Unpacks a tar with one folder at its top into a new folder.
 *
 * @param into made here; removed again when something fails.
 * @returns the path of the one folder within it, durable.
 * @throws {BangerError} `unsafe-archive`, when tar refuses it or it has not one folder at its top;
 * `failed`, when there is no tar; `no-space`, `io`; the signal's reason.
 */
export async function unpackTar(
  tar: HeldFile,
  into: string,
  options: ArchiveOptions,
): Promise<string> {
  makeFolder(into);
  try {
    using input = HeldFile.again(tar.descriptor);
    const flags = ["--no-same-owner", "--no-same-permissions", "--no-xattrs", "--no-acls"];
    const end = await runTool({
      program: "tar",
      args: ["--extract", "--file=-", ...flags, `--directory=${into}`],
      variables: options.variables,
      signal: options.signal,
      stdin: input.descriptor,
      maxFileBytes: options.maxBytes,
    });
    if (end.exitCode !== 0) throw toolFailure("cannot unpack the source", "unsafe-archive", end);
    const [top, ...others] = listNames(into);
    if (top === undefined || others.length > 0) {
      const found = top === undefined ? "nothing" : [top, ...others.slice(0, 3)].join(", ");
      throw new BangerError(
        "unsafe-archive",
        `the source has ${found} at its top, expected one folder`,
      );
    }
    const tree = path.join(into, top);
    if (lookAt(tree)?.isDirectory() !== true) {
      throw new BangerError("unsafe-archive", `the source has ${top} at its top, no folder`);
    }
    makeDurable(into);
    return tree;
  } catch (error) {
    removeTree(into);
    throw error;
  }
}

function makeDurable(folder: string): void {
  const descriptor = guard(`cannot open ${folder}`, () => fs.openSync(folder, "r"));
  try {
    if (!syncFileSystem(descriptor)) {
      throw new BangerError("io", `cannot make ${folder} durable: the disk reports an error`, {
        hint: "check the disk (dmesg) before you try again",
      });
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

function toolFailure(
  doing: string,
  code: "verification-failed" | "unsafe-archive",
  end: ChildEnd,
): BangerError {
  if (/No space left on device|Disk quota exceeded/.test(end.stderr)) {
    return new BangerError("no-space", `${doing}: the disk is full`, {
      hint: "free some space, then run the same command again",
    });
  }
  return new BangerError(code, `${doing}: ${lastWords(end)}`);
}
