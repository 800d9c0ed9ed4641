/** The tag of a signature packet. */
export const signatureTag = 2;

/**
 * The tags of the packets that `bytes` are made of, in order.
 *
 * @returns undefined when they are not whole packets of known length one after the other.
 * @see RFC 4880, section 4.2
 */
export function packetTags(bytes: Uint8Array): readonly number[] | undefined {
  const tags: number[] = [];
  let position = 0;
  while (position < bytes.length) {
    const packet = packetAt(bytes, position);
    if (packet === undefined || packet.end > bytes.length) return undefined;
    tags.push(packet.tag);
    position = packet.end;
  }
  return tags;
}

interface Packet {
  readonly tag: number;
  /** Where the next packet begins. */
  readonly end: number;
}

function packetAt(bytes: Uint8Array, start: number): Packet | undefined {
  const first = bytes[start] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  return (first & 0x40) === 0 ? oldPacket(bytes, start, first) : newPacket(bytes, start, first);
}

function oldPacket(bytes: Uint8Array, start: number, first: number): Packet | undefined {
  const tag = (first >> 2) & 15;
  const lengthBytes = [1, 2, 4][first & 3];
  if (lengthBytes === undefined) {
    // As long as the file is, which is only for packets that hold data.
    return tag === signatureTag ? undefined : { tag, end: bytes.length };
  }
  const body = start + 1 + lengthBytes;
  return { tag, end: body + numberAt(bytes, start + 1, lengthBytes) };
}

function newPacket(bytes: Uint8Array, start: number, first: number): Packet | undefined {
  const tag = first & 63;
  const length = bytes[start + 1] ?? 0;
  if (length < 192) return { tag, end: start + 2 + length };
  if (length < 224) {
    return { tag, end: start + 3 + (length - 192) * 256 + (bytes[start + 2] ?? 0) + 192 };
  }
  // Between: a part whose length says nothing of the whole.
  return length === 255 ? { tag, end: start + 6 + numberAt(bytes, start + 2, 4) } : undefined;
}

function numberAt(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (const byte of bytes.subarray(start, start + count)) value = value * 256 + byte;
  return value;
}
