import * as fs from "node:fs";
import { guard } from "./files.ts";
import { fill } from "./read-range.ts";

/** Where two files part. */
export interface FirstDifference {
  /** Bytes from the start. */
  readonly offset: number;
  /** The byte there; undefined when that file ends here. */
  readonly left: number | undefined;
  readonly right: number | undefined;
}

const chunkBytes = 2 ** 20;

/** Finds the first byte in which two files differ; undefined when they are the same. @throws `io` */
export function firstDifference(left: string, right: string): FirstDifference | undefined {
  return guard(`cannot compare ${left} and ${right}`, () => {
    const files = [fs.openSync(left, "r"), fs.openSync(right, "r")] as const;
    try {
      return compare(...files);
    } finally {
      for (const file of files) fs.closeSync(file);
    }
  });
}

function compare(left: number, right: number): FirstDifference | undefined {
  const [leftChunk, rightChunk] = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)];
  for (let offset = 0; ;) {
    const leftBytes = fill(left, leftChunk, offset);
    const rightBytes = fill(right, rightChunk, offset);
    const common = Math.min(leftBytes, rightBytes);
    const isSame = leftChunk.compare(rightChunk, 0, common, 0, common) === 0;
    if (!isSame || leftBytes !== rightBytes) {
      let at = 0;
      while (at < common && leftChunk[at] === rightChunk[at]) at += 1;
      return {
        offset: offset + at,
        left: at < leftBytes ? leftChunk[at] : undefined,
        right: at < rightBytes ? rightChunk[at] : undefined,
      };
    }
    if (common < chunkBytes) return undefined;
    offset += common;
  }
}
