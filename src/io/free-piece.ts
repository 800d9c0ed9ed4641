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
