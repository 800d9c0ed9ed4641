import * as fs from "node:fs";
import { guard } from "./files.ts";

/** The first `length` bytes of a file or block device; fewer when it is shorter. @throws `io` */
export function readHead(file: string, length: number): Uint8Array {
  return readRange(file, 0, length);
}

/** `length` bytes of a file or block device from `offset` on; fewer when it ends. @throws `io` */
export function readRange(file: string, offset: number, length: number): Uint8Array {
  return guard(`cannot read ${file}`, () => {
    const descriptor = fs.openSync(file, fs.constants.O_RDONLY);
    try {
      const buffer = new Uint8Array(length);
      return buffer.subarray(0, fill(descriptor, buffer, offset));
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** Reads from `offset` on until the buffer is full or the file ends. @returns how many bytes */
export function fill(descriptor: number, buffer: Uint8Array, offset: number): number {
  let doneBytes = 0;
  while (doneBytes < buffer.length) {
    const leftBytes = buffer.length - doneBytes;
    const count = fs.readSync(descriptor, buffer, doneBytes, leftBytes, offset + doneBytes);
    if (count === 0) break;
    doneBytes += count;
  }
  return doneBytes;
}

/** All of a small file, also of one within the executable. @throws {BangerError} `io` */
export function readWhole(file: string): Uint8Array {
  return guard(`cannot read ${file}`, () => fs.readFileSync(file));
}
