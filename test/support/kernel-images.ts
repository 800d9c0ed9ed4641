const encoder = new TextEncoder();

/** A program header; by default all that is in the file is loaded, each segment in a MiB of its own. */
export interface ElfSegmentParts {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly address?: number;
  readonly memory?: number;
}

/** What to put into a made ELF file; each part that is left out is as in a good kernel. */
export interface ElfParts {
  readonly bits?: number;
  readonly data?: number;
  readonly type?: number;
  readonly machine?: number;
  readonly headerSize?: number;
  readonly headersAt?: number;
  readonly segments?: readonly ElfSegmentParts[];
  readonly entry?: number;
  readonly sectionsAt?: number;
}

/** A `PT_LOAD` segment that is within the file that `makeElf` makes. */
export const loadSegment: ElfSegmentParts = {
  type: 1,
  offset: 0x1000,
  size: 0x1000,
};

/** An ELF file of 12 KiB, by default one that Firecracker would load. */
export function makeElf(parts: ElfParts = {}): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(0x3000);
  const view = new DataView(file.buffer);
  const headersAt = parts.headersAt ?? 64;
  const segments = parts.segments ?? [loadSegment];
  file.set([0x7f, 0x45, 0x4c, 0x46, parts.bits ?? 2, parts.data ?? 1, 1]);
  const little = parts.data !== 2;
  view.setUint16(16, parts.type ?? 2, little);
  view.setUint16(18, parts.machine ?? 62, little);
  view.setBigUint64(24, BigInt(parts.entry ?? 0x100_0123), true);
  view.setBigUint64(32, BigInt(headersAt), true);
  view.setBigUint64(40, BigInt(parts.sectionsAt ?? 0), true);
  view.setUint16(54, parts.headerSize ?? 56, true);
  view.setUint16(56, segments.length, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  for (const [index, segment] of segments.entries()) {
    const at = headersAt + index * 56;
    if (at + 56 > file.length) break;
    view.setUint32(at, segment.type, true);
    view.setBigUint64(at + 8, BigInt(segment.offset), true);
    const address = segment.address ?? (16 + index) * 2 ** 20;
    view.setBigUint64(at + 24, BigInt(address), true);
    view.setBigUint64(at + 32, BigInt(segment.size), true);
    view.setBigUint64(at + 40, BigInt(segment.memory ?? segment.size), true);
  }
  return file;
}

/** An arm64 `Image` of 8 KiB with an EFI stub's PE header, whose sections end with the file. */
export function makeArm64Image(
  imageSize: bigint = 0x200_0000n,
  flags: number = 0xa,
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(0x2000);
  const view = new DataView(file.buffer);
  file.set(encoder.encode("MZ"));
  view.setBigUint64(16, imageSize, true);
  view.setUint8(24, flags);
  file.set(encoder.encode("ARMd"), 0x38);
  view.setUint32(0x3c, 0x40, true);
  file.set(encoder.encode("PE\0\0"), 0x40);
  view.setUint16(0x46, 2, true);
  view.setUint16(0x54, 160, true);
  view.setUint32(0x40 + 24 + 160 + 16, 0x800, true);
  view.setUint32(0x40 + 24 + 160 + 20, 0x1000, true);
  view.setUint32(0x40 + 24 + 200 + 16, 0x800, true);
  view.setUint32(0x40 + 24 + 200 + 20, 0x1800, true);
  return file;
}

/** An x86 bzImage with a setup header and a payload. */
export function makeBzImage(payload: Uint8Array = new Uint8Array(16)): Uint8Array<ArrayBuffer> {
  const setupBytes = 0x400;
  const offset = 0x300;
  const file = new Uint8Array(setupBytes + offset + payload.length);
  const view = new DataView(file.buffer);
  file.set(encoder.encode("MZ"));
  view.setUint8(0x1f1, setupBytes / 512 - 1);
  file.set([0x55, 0xaa], 0x1fe);
  file.set(encoder.encode("HdrS"), 0x202);
  view.setUint16(0x206, 0x20f, true);
  view.setUint32(0x248, offset, true);
  view.setUint32(0x24c, payload.length, true);
  file.set(payload, setupBytes + offset);
  return file;
}

/** A `vmlinuz.efi`: the header of CONFIG_EFI_ZBOOT, and a payload. */
export function makeEfiZboot(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const offset = 0x200;
  const file = new Uint8Array(offset + payload.length);
  const view = new DataView(file.buffer);
  file.set(encoder.encode("MZ\0\0zimg"));
  view.setUint32(8, offset, true);
  view.setUint32(12, payload.length, true);
  file.set(payload, offset);
  return file;
}
