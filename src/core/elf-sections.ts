/**
 * A section of an ELF file.
 *
 * @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.sheader.html
 */
export interface ElfSection {
  readonly name: string;
  /** Where its bytes are in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const headerBytes = 64;
const sectionHeaderBytes = 64;
/** No kernel has more bytes of names, and none has a longer one. */
const maxNamesBytes = 2 ** 20;
const maxNameBytes = 256;
/** `SHT_NOBITS`: takes no place in the file. */
const noBits = 8;

/**
 * The sections that have bytes in a 64-bit little-endian ELF file.
 *
 * @param read reads bytes of the file; fewer at its end.
 * @returns an empty list when it is another kind of file, or has no section headers. Of the names at most 1 MiB are
 *   read; one of more than 255 bytes is empty.
 */
export function elfSections(read: (offset: number, sizeBytes: number) => Uint8Array): ElfSection[] {
  const head = read(0, headerBytes);
  if (head.length < headerBytes || ![0x7f, 0x45, 0x4c, 0x46, 2, 1].every((b, i) => head[i] === b)) {
    return [];
  }
  const header = viewOf(head);
  const count = header.getUint16(60, true);
  const namesIndex = header.getUint16(62, true);
  if (header.getUint16(58, true) !== sectionHeaderBytes) return [];
  const table = read(Number(header.getBigUint64(40, true)), count * sectionHeaderBytes);
  if (table.length < count * sectionHeaderBytes || namesIndex >= count) return [];
  const sections = Array.from({ length: count }, (_, index) => sectionAt(viewOf(table), index));
  const strings = sections[namesIndex];
  if (strings === undefined || !Number.isSafeInteger(strings.offset)) return [];
  const names = read(strings.offset, Math.min(strings.sizeBytes, maxNamesBytes));
  return sections
    .filter(({ type, sizeBytes }) => type !== noBits && sizeBytes > 0)
    .map(({ nameAt, offset, sizeBytes }) => ({ name: textAt(names, nameAt), offset, sizeBytes }));
}

/** The section that a byte of the file lies in. */
export function sectionOf(sections: readonly ElfSection[], offset: number): ElfSection | undefined {
  return sections.find(
    (section) => offset >= section.offset && offset < section.offset + section.sizeBytes,
  );
}

interface SectionHeader {
  readonly nameAt: number;
  readonly type: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

function sectionAt(table: DataView, index: number): SectionHeader {
  const at = index * sectionHeaderBytes;
  return {
    nameAt: table.getUint32(at, true),
    type: table.getUint32(at + 4, true),
    offset: Number(table.getBigUint64(at + 24, true)),
    sizeBytes: Number(table.getBigUint64(at + 32, true)),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Empty when it does not end, or is longer than any name is. */
function textAt(bytes: Uint8Array, at: number): string {
  const near = bytes.subarray(at, at + maxNameBytes);
  return String.fromCharCode(...near.subarray(0, Math.max(0, near.indexOf(0))));
}
