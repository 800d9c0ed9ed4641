/** A compressed kernel inside of another file. */
export interface Payload {
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Whether its last four bytes say how many bytes it holds; gzip's own do so anyway. */
  readonly endsWithSize: boolean;
}

const sectorBytes = 512;
/** Protocol 2.08 brought the payload's place. */
const payloadVersion = 0x208;

/**
 * Where the compressed kernel is in a bzImage.
 *
 * @param head the first 0x250 bytes or more.
 * @param sizeBytes the size of the whole file.
 * @returns undefined when the header is older than protocol 2.08 or the payload lies outside of the file.
 * @see https://docs.kernel.org/arch/x86/boot.html payload_offset, payload_length
 */
export function bzImagePayload(head: Uint8Array, sizeBytes: number): Payload | undefined {
  if (head.length < 0x250) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint16(0x206, true) < payloadVersion) return undefined;
  const setupSectors = view.getUint8(0x1f1) || 4;
  const offset = (setupSectors + 1) * sectorBytes + view.getUint32(0x248, true);
  return within({ offset, sizeBytes: view.getUint32(0x24c, true), endsWithSize: true }, sizeBytes);
}

/**
 * Where the compressed kernel is in a `vmlinuz.efi`.
 *
 * @param head the first 64 bytes.
 * @param sizeBytes the size of the whole file.
 * @returns undefined when it lies outside of the file.
 * @see https://github.com/torvalds/linux/blob/master/drivers/firmware/efi/libstub/zboot-header.S
 */
export function efiZbootPayload(head: Uint8Array, sizeBytes: number): Payload | undefined {
  if (head.length < 64) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [offset, payloadBytes] = [view.getUint32(8, true), view.getUint32(12, true)];
  return within({ offset, sizeBytes: payloadBytes, endsWithSize: false }, sizeBytes);
}

function within(payload: Payload, fileBytes: number): Payload | undefined {
  const { offset, sizeBytes } = payload;
  return sizeBytes > 8 && offset + sizeBytes <= fileBytes ? payload : undefined;
}
