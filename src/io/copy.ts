import * as fs from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import {
  directoryMode,
  fileMode,
  guard,
  lookAt,
  lookThrough,
  randomName,
  removeTree,
  syncFolder,
} from "./files.ts";
import { readChunks, walkTree } from "./tree-reader.ts";
import { writeAll } from "./staged-tree.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants;

/**
 * Copies a tree to a folder that does not exist yet, or is empty; it appears there whole or not at
 * all.
 *
 * @throws {BangerError} `refused`, when something is there; `io`, `no-space`.
 */
export function copyTree(from: string, to: string): void {
  const beside = prepareCopy(to);
  guard(`cannot write ${to}`, () => {
    fs.mkdirSync(beside, { mode: directoryMode });
  });
  appear(beside, to, () => {
    for (const item of walkTree(from)) {
      const target = path.join(beside, item.path);
      switch (item.kind) {
        case "folder":
          guard(`cannot write ${to}`, () => {
            fs.mkdirSync(target, { mode: directoryMode });
          });
          break;
        case "link":
          guard(`cannot write ${to}`, () => {
            fs.symlinkSync(item.target, target);
          });
          break;
        case "file":
          copyBytes(path.join(from, item.path), target);
          break;
        case "other":
          break;
      }
    }
  });
}

/** Copies one file, which appears whole or not at all. @throws as {@link copyTree} */
export function copyFile(from: string, to: string): void {
  const beside = prepareCopy(to);
  appear(beside, to, () => {
    copyBytes(from, beside);
  });
}

/** Writes a new file, which appears whole or not at all. @throws as {@link copyTree} */
export function writeChunks(chunks: Iterable<Uint8Array>, to: string): void {
  const beside = prepareCopy(to);
  appear(beside, to, () => {
    writeNew(beside, to, (write) => {
      for (const chunk of chunks) write(chunk);
    });
  });
}

/** @returns the temporary path next to `to`. */
function prepareCopy(to: string): string {
  const folder = path.dirname(path.resolve(to));
  if (lookThrough(folder)?.isDirectory() !== true) {
    throw new BangerError("io", `cannot write ${to}: there is no folder ${folder}`);
  }
  const there = lookAt(to);
  const isEmptyFolder =
    there?.isDirectory() === true &&
    guard(`cannot read ${to}`, () => fs.readdirSync(to)).length === 0;
  if (there !== undefined && !isEmptyFolder) {
    throw new BangerError("refused", `cannot write ${to}: it exists already`, {
      hint: "name a path that does not exist yet, or an empty folder",
    });
  }
  return path.join(folder, `.${path.basename(to)}.${randomName()}`);
}

function appear(beside: string, to: string, write: () => void): void {
  try {
    write();
    guard(`cannot write ${to}`, () => {
      fs.renameSync(beside, to);
    });
    syncFolder(path.dirname(path.resolve(to)));
  } catch (error) {
    removeTree(beside);
    throw error;
  }
}

function copyBytes(from: string, to: string): void {
  writeNew(to, to, (write) => {
    readChunks(from, write);
  });
}

/** @param label how the error calls the file. */
function writeNew(
  file: string,
  label: string,
  fill: (write: (chunk: Uint8Array) => void) => void,
): void {
  guard(`cannot write ${label}`, () => {
    const descriptor = fs.openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode);
    try {
      fill((chunk) => {
        writeAll(descriptor, chunk);
      });
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}
