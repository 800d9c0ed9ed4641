/** No `PT_NOTE` segment of a kernel is larger: 64 KiB. */
export const maxNotesBytes: number = 0x1_0000;

const headerBytes = 12;
/** `XEN_ELFNOTE_PHYS32_ENTRY`. */
const pvhType = 18;
const xen = [0x58, 0x65, 0x6e, 0];

/**
 * The entry point for PVH boot that a kernel names in its ELF notes.
 *
 * @param notes the bytes of a `PT_NOTE` segment of a 64-bit little-endian file. Never throws.
 * @returns a physical address below 2^53; undefined when no note names one.
 * @see https://xenbits.xen.org/docs/unstable/misc/pvh.html
 * @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html#note_section
 */
export function pvhEntry(notes: Uint8Array): number | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  let at = 0;
  while (at + headerBytes <= notes.length) {
    const nameBytes = view.getUint32(at, true);
    const valueBytes = view.getUint32(at + 4, true);
    const nameAt = at + headerBytes;
    const valueAt = nameAt + padded(nameBytes);
    const end = valueAt + valueBytes;
    if (end > notes.length) return undefined;
    const isXen = nameBytes === xen.length && xen.every((byte, i) => notes[nameAt + i] === byte);
    if (isXen && view.getUint32(at + 8, true) === pvhType) {
      if (valueBytes === 8) return Number(view.getBigUint64(valueAt, true));
      if (valueBytes === 4) return view.getUint32(valueAt, true);
    }
    at = valueAt + padded(valueBytes);
  }
  return undefined;
}

/** Names and values are padded to four bytes. */
function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}
