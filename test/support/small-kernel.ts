/** Kernel images that are small, valid and not bootable. */
import { createCipheriv, createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export interface SmallKernelOptions {
  readonly arch?: "x86_64" | "arm64";
  /** What the `Linux version` banner says. Default `6.12.1`. */
  readonly version?: string;
  /** Another seed gives other bytes. */
  readonly seed?: string | number;
  /** Default 65,536; at least 8,192. The bytes do not compress. */
  readonly sizeBytes?: number;
  /** The configuration to embed, as CONFIG_IKCONFIG does. Default: none. */
  readonly config?: string;
}

const headerBytes = 0x1000;

/**
 * An ELF64 x86_64 ET_EXEC file with one PT_LOAD, or an arm64 Image, with a `Linux version` banner.
 *
 * @see https://docs.kernel.org/arch/arm64/booting.html
 */
export function smallKernel(options: SmallKernelOptions = {}): Uint8Array<ArrayBuffer> {
  const { arch = "x86_64", version = "6.12.1", seed = 0, sizeBytes = 65_536 } = options;
  if (sizeBytes < 2 * headerBytes) {
    throw new Error(`a small kernel has at least ${2 * headerBytes} bytes, not ${sizeBytes}`);
  }
  const bytes = randomBytesOf(`${arch} ${version} ${seed}`, sizeBytes);
  bytes.fill(0, 0, headerBytes);
  const view = new DataView(bytes.buffer);
  if (arch === "x86_64") {
    writeElf(view, sizeBytes);
  } else {
    writeArm64Image(view, sizeBytes);
  }
  const banner = `Linux version ${version} (banger@test) (gcc (Debian) 12.2.0, GNU ld 2.40) #1 SMP PREEMPT_DYNAMIC seed ${seed}\n\0`;
  bytes.set(new TextEncoder().encode(banner), headerBytes);
  if (options.config !== undefined) {
    const marked = ["IKCFG_ST", gzipSync(titled(options.config, version, arch)), "IKCFG_ED"].map(
      (part) => Buffer.from(part),
    );
    bytes.set(Buffer.concat(marked), headerBytes + 0x400);
  }
  return bytes;
}

/** With the first line that a kernel's build writes, unless it has one. */
function titled(config: string, version: string, arch: string): string {
  if (config.startsWith("# Linux/")) return config;
  const linuxArch = arch === "x86_64" ? "x86" : arch;
  return `# Linux/${linuxArch} ${version} Kernel Configuration\n${config}`;
}

/** As many bytes as wanted, always the same for one seed, and incompressible. */
export function randomBytesOf(seed: string, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-256-ctr", key, new Uint8Array(16));
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(cipher.update(new Uint8Array(sizeBytes)));
  return bytes;
}

function writeElf(view: DataView, sizeBytes: number): void {
  const physicalAddress = 0x1000000n;
  view.setUint32(0, 0x7f454c46); // magic
  view.setUint8(4, 2); // ELFCLASS64
  view.setUint8(5, 1); // little endian
  view.setUint8(6, 1); // EV_CURRENT
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(24, physicalAddress, true); // e_entry
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(52, 64, true); // e_ehsize
  view.setUint16(54, 56, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum
  view.setUint16(58, 64, true); // e_shentsize
  view.setUint32(64, 1, true); // PT_LOAD
  view.setUint32(68, 7, true); // read, write, execute
  view.setBigUint64(72, BigInt(headerBytes), true); // p_offset
  view.setBigUint64(80, 0xffffffff81000000n, true); // p_vaddr
  view.setBigUint64(88, physicalAddress, true); // p_paddr
  view.setBigUint64(96, BigInt(sizeBytes - headerBytes), true); // p_filesz
  view.setBigUint64(104, BigInt(sizeBytes - headerBytes), true); // p_memsz
  view.setBigUint64(112, 0x1000n, true); // p_align
}

function writeArm64Image(view: DataView, sizeBytes: number): void {
  view.setUint32(0, 0xfa405a4d, true); // code0: "MZ", a harmless instruction
  view.setUint32(4, 0x14000000 + headerBytes / 4 - 1, true); // code1: branch over the header
  view.setBigUint64(8, 0n, true); // text_offset
  view.setBigUint64(16, BigInt(sizeBytes), true); // image_size
  view.setBigUint64(24, 0x0an, true); // flags: 4 KiB pages, anywhere in memory
  view.setUint32(0x38, 0x644d5241, true); // "ARM\x64"
  view.setUint32(0x3c, 0x40, true); // where the PE header is
  view.setUint32(0x40, 0x00004550, true); // "PE"
  view.setUint16(0x44, 0xaa64, true); // IMAGE_FILE_MACHINE_ARM64
}
