import type { Arch } from "./arch.ts";

/** What an ELF file says it is, in our words for `e_type`. */
export type ElfType = "relocatable" | "executable" | "shared" | "core" | "other";

/** Some bytes of an ELF file that a program header tells of. */
export interface ElfSegment {
  /** Where its bytes are in the file. */
  readonly offset: number;
  /** `p_paddr`: where in physical memory they go; exact below 2^53. */
  readonly physicalAddress: number;
  readonly fileBytes: number;
  /** What it takes there; more than `fileBytes` when zeros follow. */
  readonly memoryBytes: number;
}

/**
 * The facts about an ELF file that decide whether Firecracker can boot it. Fields that need the
 * program headers are only filled in for 64-bit little-endian files.
 *
 * @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
 */
export interface ElfImage {
  readonly kind: "elf";
  /** Undefined for a machine that Firecracker does not run on. */
  readonly arch: Arch | undefined;
  /** `e_machine`; 0 when the file ends before it. */
  readonly machine: number;
  /** Undefined when `EI_CLASS` is neither of the two. */
  readonly bits: 32 | 64 | undefined;
  /** Undefined when `EI_DATA` is neither of the two. */
  readonly endian: "little" | "big" | undefined;
  readonly type: ElfType;
  /** `e_entry`; exact below 2^53. */
  readonly entry: number;
  /** The `PT_LOAD` headers that have bytes in the file. */
  readonly loads: readonly ElfSegment[];
  /** The `PT_NOTE` headers that have bytes in the file. */
  readonly notes: readonly ElfSegment[];
  /** It has a `PT_INTERP` or `PT_TLS` header: a program for an operating system, never a kernel. */
  readonly userland: boolean;
  /** What is wrong with the program headers, as the end of "its program headers …". */
  readonly headerFault: string | undefined;
  /** The size that the file must have for its headers, segments and section table, in bytes. */
  readonly neededBytes: number;
  /** The size that the file has, in bytes. */
  readonly sizeBytes: number;
}

const headerBytes = 64;
const programHeaderBytes = 56;
const loadSegment = 1;
const interpreterSegment = 3;
const noteSegment = 4;
const threadLocalSegment = 7;

const types: ReadonlyMap<number, ElfType> = new Map([
  [1, "relocatable"],
  [2, "executable"],
  [3, "shared"],
  [4, "core"],
]);

const arches: ReadonlyMap<number, Arch> = new Map([
  [62, "x86_64"],
  [183, "arm64"],
]);

/** Whether `head` begins with the four bytes of the ELF magic. */
export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/** `bits` and `endian` from `e_ident`, and the first fields, which all classes share. */
function readIdentity(
  head: Uint8Array,
  view: DataView,
): Pick<ElfImage, "arch" | "machine" | "bits" | "endian" | "type"> {
  const bits = head[4] === 2 ? 64 : head[4] === 1 ? 32 : undefined;
  const endian = head[5] === 1 ? "little" : head[5] === 2 ? "big" : undefined;
  const whole = head.length >= 20;
  const machine = whole ? view.getUint16(18, endian !== "big") : 0;
  const type = whole ? (types.get(view.getUint16(16, endian !== "big")) ?? "other") : "other";
  const arch = bits === 64 && endian === "little" ? arches.get(machine) : undefined;
  return { arch, machine, bits, endian, type };
}

/**
 * Reads the ELF header and the program headers. Never throws: what is missing or damaged shows in
 * `neededBytes` and `headerFault`.
 *
 * @param head the first bytes of the file, beginning with the ELF magic; 64 KiB hold the program
 *   headers of every kernel.
 * @param sizeBytes the size of the whole file.
 * @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
 * @see https://github.com/rust-vmm/linux-loader/blob/main/src/loader/elf/mod.rs for what
 *   Firecracker's loader refuses.
 */
export function readElf(head: Uint8Array, sizeBytes: number): ElfImage {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const identity = readIdentity(head, view);
  let entry = 0;
  const loads: ElfSegment[] = [];
  const notes: ElfSegment[] = [];
  let userland = false;
  let headerFault: string | undefined;
  let neededBytes = headerBytes;
  const readable = identity.bits === 64 && identity.endian === "little";

  if (readable && head.length >= headerBytes) {
    entry = u64(24);
    const start = u64(32);
    const sectionsAt = u64(40);
    const each = view.getUint16(54, true);
    const count = view.getUint16(56, true);
    const end = start + count * programHeaderBytes;
    neededBytes = Math.max(neededBytes, count === 0 ? 0 : end);
    if (sectionsAt !== 0) {
      const sections = view.getUint16(58, true) * view.getUint16(60, true);
      neededBytes = Math.max(neededBytes, sectionsAt + sections);
    }
    if (count === 0) {
      headerFault = "are missing";
    } else if (each !== programHeaderBytes) {
      headerFault = `are ${each} bytes each, expected ${programHeaderBytes}`;
    } else if (start < headerBytes) {
      headerFault = "overlap the file header";
    } else if (end > head.length) {
      headerFault = `end at byte ${end}, expected them in the first ${head.length}`;
    } else {
      for (let at = start; at < end; at += programHeaderBytes) {
        const type = view.getUint32(at, true);
        if (type === interpreterSegment || type === threadLocalSegment) userland = true;
        const segment: ElfSegment = {
          offset: u64(at + 8),
          physicalAddress: u64(at + 24),
          fileBytes: u64(at + 32),
          memoryBytes: u64(at + 40),
        };
        if (segment.fileBytes === 0) continue;
        if (type === loadSegment) loads.push(segment);
        if (type === noteSegment) notes.push(segment);
        neededBytes = Math.max(neededBytes, segment.offset + segment.fileBytes);
      }
    }
  }

  return {
    kind: "elf",
    ...identity,
    entry,
    loads,
    notes,
    userland,
    headerFault,
    neededBytes,
    sizeBytes,
  };
}
