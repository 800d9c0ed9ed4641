import { preferHugePages } from "./libc.ts";

/**
 * Gives back the memory of a piece of a stream that nobody needs any more. Left to the collector it
 * piles up, and memory that was never touched before costs more than what is done with it.
 *
 * Nothing happens while the buffer goes on behind the piece: somebody may still write there.
 */
export function freePiece({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isLast = byteOffset + byteLength === buffer.byteLength;
  if (isLast && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}

/**
 * Makes room for what is about to be allocated, by whichever thread. The first touch of each page of
 * memory is a fault, which takes microseconds in a virtual machine; with huge pages there is one in 512.
 * The allocator gives out again what it got back last, and the kernel remembers what was asked of it.
 */
export function expectMemory(bytes: number): void {
  const room = Buffer.allocUnsafe(bytes);
  preferHugePages(room);
  freePiece(room);
}
