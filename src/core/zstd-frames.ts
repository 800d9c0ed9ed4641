import { BangerError } from "./errors.ts";

/** What the framing of a zstd file says about it. */
export interface ZstdSummary {
  readonly frames: number;
  /** Bytes after decompression, or undefined if a frame does not tell its size. */
  readonly contentBytes: number | undefined;
  /** The most memory that a frame wants its decoder to hold. */
  readonly maxWindowBytes: number;
  /** Whether every frame carries a checksum of its content. */
  readonly checksummed: boolean;
}

/** What is read next; the blocks' content and the checksum are only counted. */
type Phase = "magic" | "descriptor" | "fields" | "block" | "content" | "checksum";

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const maxBlockBytes = 131_072;

/**
 * Walks the frames and blocks of a zstd file without decompressing it, to know what decoders do not
 * tell: that the file is whole, is nothing but frames, and asks for no more memory than it may.
 *
 * Skippable frames are legal zstd and refused all the same: nothing hidden travels in a bundle.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1
 */
export class ZstdFrames {
  readonly #limitBytes: number;
  #phase: Phase = "magic";
  /** True after the end and after any refusal: a caller that goes on has a bug. */
  #closed = false;
  readonly #held = new Uint8Array(16);
  #heldBytes = 0;
  #wantedBytes = 4;
  #readBytes = 0;

  #descriptor = parseDescriptor(0);
  #blockLimitBytes = 0;
  #lastBlock = false;

  #frames = 0;
  #contentBytes: number | undefined = 0;
  #maxWindowBytes = 0;
  #checksummed = true;

  constructor(limits: { readonly windowBytes: number }) {
    this.#limitBytes = limits.windowBytes;
  }

  /**
   * Walks over the next part of the file, in steps of whole blocks.
   *
   * @throws {BangerError} `verification-failed` for what is not a zstd frame, a skippable frame, a
   * reserved bit or block type, a dictionary, a window over the limit, a block over its limit, a size
   * beyond the safe integers
   */
  push(chunk: Uint8Array): void {
    this.#close();
    let offset = 0;
    while (offset < chunk.length) {
      const takenBytes = Math.min(this.#wantedBytes - this.#heldBytes, chunk.length - offset);
      if (this.#phase !== "content" && this.#phase !== "checksum") {
        this.#held.set(chunk.subarray(offset, offset + takenBytes), this.#heldBytes);
      }
      offset += takenBytes;
      this.#heldBytes += takenBytes;
      if (this.#heldBytes === this.#wantedBytes) this.#step();
      this.#readBytes += takenBytes;
    }
    this.#closed = false;
  }

  /** The largest window so far. */
  get windowBytes(): number {
    return this.#maxWindowBytes;
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws {BangerError} `verification-failed` if the file is empty or does not end with a frame
   */
  end(): ZstdSummary {
    this.#close();
    if (this.#phase !== "magic") throw failed(`zstd file is cut at byte ${this.#readBytes}`);
    if (this.#readBytes === 0) throw failed("zstd file is empty");
    if (this.#heldBytes > 0) {
      throw failed(`zstd file has ${this.#heldBytes} bytes that are no frame at its end`);
    }
    return {
      frames: this.#frames,
      contentBytes: this.#contentBytes,
      maxWindowBytes: this.#maxWindowBytes,
      checksummed: this.#checksummed,
    };
  }

  #close(): void {
    if (this.#closed) throw new Error("a ZstdFrames was used after its end or a refusal");
    this.#closed = true;
  }

  #step(): void {
    const field = this.#held.subarray(0, this.#wantedBytes);
    switch (this.#phase) {
      case "magic":
        this.#readMagic(littleEndian(field));
        break;
      case "descriptor":
        this.#readDescriptor(littleEndian(field));
        break;
      case "fields":
        this.#readFields(field);
        break;
      case "block":
        this.#readBlock(littleEndian(field));
        break;
      case "content":
        this.#endBlock();
        break;
      case "checksum":
        this.#endFrame();
        break;
    }
  }

  #want(phase: Phase, wantedBytes: number): void {
    this.#phase = phase;
    this.#wantedBytes = wantedBytes;
    this.#heldBytes = 0;
  }

  #readMagic(magic: number): void {
    if (magic >= skippableMagic && magic <= skippableMagic + 15) {
      throw failed("zstd file has a skippable frame");
    }
    if (magic !== frameMagic) {
      throw failed(
        this.#frames === 0
          ? "file does not start with a zstd frame"
          : `zstd file has bytes that are no frame after its ${this.#frames} frames`,
      );
    }
    this.#want("descriptor", 1);
  }

  #readDescriptor(byte: number): void {
    if ((byte & 0b11000) !== 0) throw failed("zstd frame header has a reserved bit set");
    this.#descriptor = parseDescriptor(byte);
    const { windowFieldBytes, dictionaryFieldBytes, contentFieldBytes } = this.#descriptor;
    this.#want("fields", windowFieldBytes + dictionaryFieldBytes + contentFieldBytes);
  }

  #readFields(fields: Uint8Array): void {
    const { windowFieldBytes, dictionaryFieldBytes, contentFieldBytes } = this.#descriptor;
    const sizeAt = windowFieldBytes + dictionaryFieldBytes;
    const dictionary = littleEndian(fields.subarray(windowFieldBytes, sizeAt));
    if (dictionary !== 0) throw failed(`zstd frame wants dictionary ${dictionary}`);
    const toldBytes = littleEndian(fields.subarray(sizeAt));
    // A size field of two bytes starts to count where that of one byte stops.
    const contentBytes = contentFieldBytes === 2 ? toldBytes + 256 : toldBytes;
    const windowBytes = windowFieldBytes === 0 ? contentBytes : windowSize(fields[0] ?? 0);
    this.#judge(windowBytes, contentFieldBytes === 0 ? undefined : contentBytes);
    this.#want("block", 3);
  }

  #judge(windowBytes: number, contentBytes: number | undefined): void {
    if (windowBytes > this.#limitBytes) {
      throw failed(
        `zstd frame wants a window of ${windowBytes} bytes, expected at most ${this.#limitBytes}`,
      );
    }
    this.#blockLimitBytes = Math.min(windowBytes, maxBlockBytes);
    this.#maxWindowBytes = Math.max(this.#maxWindowBytes, windowBytes);
    const totalBytes = (this.#contentBytes ?? 0) + (contentBytes ?? 0);
    if (!Number.isSafeInteger(totalBytes)) throw failed("zstd content size is beyond 2^53 bytes");
    const told = this.#contentBytes !== undefined && contentBytes !== undefined;
    this.#contentBytes = told ? totalBytes : undefined;
  }

  #readBlock(header: number): void {
    this.#lastBlock = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const sizeBytes = header >> 3;
    if (type === 3) throw failed("zstd block is of the reserved type");
    if (sizeBytes > this.#blockLimitBytes) {
      throw failed(
        `zstd block is ${sizeBytes} bytes, expected at most ${this.#blockLimitBytes} in its frame`,
      );
    }
    // An RLE block is one byte in the file; its size says how often that byte is repeated.
    const contentBytes = type === 1 ? 1 : sizeBytes;
    if (contentBytes === 0) this.#endBlock();
    else this.#want("content", contentBytes);
  }

  #endBlock(): void {
    if (!this.#lastBlock) this.#want("block", 3);
    else if (this.#descriptor.checksummed) this.#want("checksum", 4);
    else this.#endFrame();
  }

  #endFrame(): void {
    this.#frames += 1;
    this.#checksummed &&= this.#descriptor.checksummed;
    this.#want("magic", 4);
  }
}

interface Descriptor {
  readonly windowFieldBytes: number;
  readonly dictionaryFieldBytes: number;
  readonly contentFieldBytes: number;
  readonly checksummed: boolean;
}

/** @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.1 */
function parseDescriptor(byte: number): Descriptor {
  const singleSegment = (byte & 0b100000) !== 0;
  return {
    windowFieldBytes: singleSegment ? 0 : 1,
    dictionaryFieldBytes: [0, 1, 2, 4][byte & 3] ?? 0,
    contentFieldBytes: [singleSegment ? 1 : 0, 2, 4, 8][byte >> 6] ?? 0,
    checksummed: (byte & 0b100) !== 0,
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2 */
function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function failed(message: string): BangerError {
  return new BangerError("verification-failed", message);
}
