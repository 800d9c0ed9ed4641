import type { Arch } from "./arch.ts";
import type { ElfImage } from "./elf-header.ts";
import { BangerError } from "./errors.ts";
import type { ImageKind } from "./kernel-image.ts";

const wanted: Readonly<Record<Arch, string>> = {
  x86_64: "an uncompressed x86_64 vmlinux",
  arm64: "an uncompressed arm64 Image",
};

const fromBuild: Readonly<Record<Arch, string>> = {
  x86_64: "use vmlinux from the top of the kernel's build folder",
  arm64: "use arch/arm64/boot/Image from the kernel's build folder",
};

/** A path as one word of a POSIX shell, and no flag. */
function shellWord(path: string): string {
  const text = path.startsWith("-") ? `./${path}` : path;
  return /^[\w./+:@%,=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command that gets the kernel out of `path`; never onto the file that it reads. */
function extractCommand(path: string): string {
  const target = /(?:^|\/)vmlinux$/.test(path) ? "vmlinux.extracted" : "vmlinux";
  return `to get the kernel out of it: banger kernel extract ${shellWord(path)} -o ${target}`;
}

/** By its name: what is inside is not known without decompressing it. */
function isTarball(path: string): boolean {
  return /\.(?:tar\.\w+|t[gx]z|tzst)$/i.test(path);
}

/** The error for a kernel's file that does not exist. */
export function missingKernel(path: string): BangerError {
  return new BangerError("not-found", `there is no file ${path}`, {
    hint: "what is installed is called by its name, without a slash: banger kernel list",
  });
}

const textKinds = {
  html: "an HTML page",
  xml: "an XML document",
  "git-lfs": "a Git LFS pointer",
  plain: "a text file",
} as const;

/**
 * Returns if Firecracker on `arch` can load such a file: on x86_64 a 64-bit little-endian ELF
 * executable with something to load, on arm64 an `Image`. Whether it is Linux, and boots, is not
 * known from its head.
 *
 * @param kind what `identifyImage` said about the file.
 * @param path how the message and the commands in the hint call the file; may be relative.
 * @throws BangerError `wrong-image`: says what the file is, and in the hint (one line each) what to
 *   use instead.
 * @see https://github.com/firecracker-microvm/firecracker/blob/main/docs/rootfs-and-kernel-setup.md
 */
export function requireBootable(kind: ImageKind, arch: Arch, path: string): void {
  const refuse = (found: string, hint: string = fromBuild[arch]): never => {
    throw new BangerError("wrong-image", `${path} is ${found}, not ${wanted[arch]}`, { hint });
  };
  switch (kind.kind) {
    case "elf":
      requireBootableElf(kind, arch, path, refuse);
      return;
    case "arm64-image":
      if (arch !== "arm64") refuse("an arm64 Image");
      requireWhole(kind, path);
      if (kind.endian === "big") refuse("a big-endian arm64 Image");
      if (kind.imageSizeBytes === 0 || kind.imageSizeBytes > 2 ** 31) {
        refuse(`an arm64 Image that asks for ${kind.imageSizeBytes} bytes of memory`);
      }
      return;
    case "bzimage":
      if (arch !== "x86_64") refuse("an x86 bzImage");
      refuse("a compressed bzImage", extractCommand(path));
      return;
    case "efi-zboot":
      refuse("a compressed EFI program (vmlinuz.efi)", extractCommand(path));
      return;
    case "compressed":
      if (isTarball(path)) {
        refuse(
          `a ${kind.format}-compressed archive`,
          `unpack it and use the kernel inside: tar -xf ${shellWord(path)}`,
        );
      }
      refuse(`${kind.format}-compressed`, extractCommand(path));
      return;
    case "archive":
      refuse(`a ${kind.format} archive`, "unpack it and use the kernel inside");
      return;
    case "text":
      refuse(
        textKinds[kind.format],
        kind.format === "git-lfs"
          ? "run: git lfs pull"
          : "if it was downloaded, look into it: servers send their errors as text",
      );
      return;
    case "empty":
      refuse("an empty file", "if it was downloaded or copied, that did not finish");
      return;
    case "folder":
      refuse("a folder", "name the file in it");
      return;
    case "unknown":
      refuse("no kernel image that banger knows");
      return;
  }
}

/** Below it Firecracker keeps its own tables: `HIMEM_START`. */
const highMemory = 0x10_0000;
/** Where the memory of a guest has its first gap: `FIRST_ADDR_PAST_32BITS - MEM_32BIT_GAP_SIZE`. */
const memoryGap = 0xc000_0000;

type Refuse = (found: string, hint?: string) => never;

function requireBootableElf(elf: ElfImage, arch: Arch, path: string, refuse: Refuse): void {
  if (elf.sizeBytes < 64) requireWhole(elf, path);
  if (elf.bits === undefined || elf.endian === undefined) refuse("a damaged ELF file");
  if (elf.type === "relocatable") refuse("an object file or kernel module");
  if (elf.type === "core") refuse("a core dump");
  if (elf.userland) refuse("a program that runs on Linux");
  if (elf.bits === 32) refuse("a 32-bit ELF file");
  if (elf.endian === "big") refuse("a big-endian ELF file");
  if (elf.arch !== arch) refuse(`an ELF file for ${elf.arch ?? `machine ${elf.machine}`}`);
  if (arch === "arm64") {
    refuse(
      "an ELF vmlinux",
      `on arm64 Firecracker boots the Image: ${fromBuild.arm64}\nor run: aarch64-linux-gnu-objcopy -O binary -R .note -R .note.gnu.build-id -R .comment -S ${shellWord(path)} Image`,
    );
  }
  if (elf.type === "other") refuse("an ELF file of an unknown type");
  requireWhole(elf, path);
  if (elf.headerFault !== undefined) {
    refuse(`an ELF file whose program headers ${elf.headerFault}`);
  }
  if (elf.loads.length === 0) refuse("an ELF file with nothing to load");
  if (elf.entry < highMemory) {
    refuse(`an ELF file that starts at ${hex(elf.entry)}, below the first MiB`);
  }
  requireSoundMemory(elf, refuse);
}

/** Where its segments go in guest memory, and whether it starts in one of them. */
function requireSoundMemory(elf: ElfImage, refuse: Refuse): void {
  const { loads, entry } = elf;
  let previousEnd = highMemory;
  for (const load of loads.toSorted((a, b) => a.physicalAddress - b.physicalAddress)) {
    const start = load.physicalAddress;
    if (load.fileBytes > load.memoryBytes) {
      refuse(
        `a damaged ELF file: of ${load.fileBytes} bytes, ${load.memoryBytes} are to be loaded`,
      );
    }
    if (start < highMemory) {
      refuse(`an ELF file that is loaded at ${hex(start)}, below the first MiB of memory`);
    }
    if (start < previousEnd) {
      refuse(`a damaged ELF file: two of its segments are loaded at ${hex(start)}`);
    }
    previousEnd = start + load.memoryBytes;
  }
  if (previousEnd > memoryGap) {
    refuse("an ELF file that is loaded beyond the first 3 GiB of memory");
  }
  if (!isLoaded(elf, entry))
    refuse(`a damaged ELF file: it starts at ${hex(entry)}, where nothing is loaded`);
}

/** Whether bytes of the file are loaded to an address. */
export function isLoaded({ loads }: ElfImage, address: number): boolean {
  return loads.some(
    ({ physicalAddress, fileBytes }) =>
      address >= physicalAddress && address < physicalAddress + fileBytes,
  );
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}

function requireWhole(file: { neededBytes: number; sizeBytes: number }, path: string): void {
  if (file.sizeBytes >= file.neededBytes) return;
  throw new BangerError(
    "wrong-image",
    `${path} is cut short: it has ${file.sizeBytes} bytes, its headers ask for ${file.neededBytes}`,
    { hint: "copy or download it again" },
  );
}
