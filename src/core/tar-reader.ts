import { BundleTree } from "./bundle-tree.ts";
import { BangerError } from "./errors.ts";
import {
  isZero,
  parseTarHeader,
  tarBlockBytes,
  type TarEntry,
  type TarEntryHeader,
  type TarHeader,
  unsafe,
} from "./tar-header.ts";
import { applyPax, checkPaxSize, parsePaxRecords, type PaxRecords } from "./tar-pax.ts";

export type { TarEntry } from "./tar-header.ts";

/**
 * Takes what a `TarReader` found, in the order of the archive. For a file: `entry`, its content in any
 * number of `data` calls (none if it is empty), then `endOfFile`; for all others `entry` alone.
 *
 * What it throws comes out of `push`, unchanged, and ends the reading.
 */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A view into the chunk that was pushed: valid only until this call returns. Never empty. */
  data(chunk: Uint8Array): void;
  endOfFile(): void;
}

/**
 * Reads a bundle's tar from chunks of any size, and hands on only what the `BundleTree` policy allows.
 *
 * Symlinks are judged at the very end: do not make them before `end()` returned.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html "ustar Interchange Format"
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #tree = new BundleTree();
  #phase: "header" | "pax" | "content" | "padding" | "trailer" = "header";
  /** True after the end and after any refusal: a caller that goes on has a bug. */
  #closed = false;
  #readBytes = 0;
  #headerAt = 0;
  /** Gathers a header, or a pax header with its padding, that comes in parts. */
  #block = new Uint8Array(tarBlockBytes);
  #heldBytes = 0;
  /** Bytes of content or padding still to come in this phase. */
  #leftBytes = 0;
  #paddingBytes = 0;
  #paxBytes = 0;
  #pax: PaxRecords | undefined;
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /**
   * Reads the next part of the archive.
   *
   * @throws {BangerError} `unsafe-archive` for anything outside the accepted subset; whatever the sink throws
   */
  push(chunk: Uint8Array): void {
    this.#close();
    let rest = chunk;
    while (rest.length > 0) {
      const takenBytes = this.#take(rest);
      this.#readBytes += takenBytes;
      rest = rest.subarray(takenBytes);
    }
    this.#closed = false;
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws {BangerError} `unsafe-archive` if the archive is cut anywhere, has no end-of-archive
   * blocks, no `vmlinux`, or a link that `BundleTree.finish` refuses
   */
  end(): void {
    this.#close();
    if (this.#phase !== "trailer" || this.#readBytes % tarBlockBytes !== 0) {
      throw unsafe(
        this.#phase === "header" && this.#heldBytes === 0 && this.#pax === undefined
          ? `archive ends at byte ${this.#readBytes} without two end-of-archive blocks`
          : `archive is cut at byte ${this.#readBytes}`,
      );
    }
    this.#tree.finish();
  }

  #close(): void {
    if (this.#closed) throw new Error("a TarReader was used after its end or a refusal");
    this.#closed = true;
  }

  /** Takes some bytes from the front, at least one; tells how many. */
  #take(rest: Uint8Array): number {
    if (this.#phase === "content") return this.#takeContent(rest);
    if (this.#phase === "padding") return this.#takePadding(rest);
    if (this.#phase !== "trailer") return this.#gather(rest);
    if (!isZero(rest)) throw unsafe("archive has bytes after its end-of-archive blocks");
    return rest.length;
  }

  #gather(rest: Uint8Array): number {
    const wantedBytes = this.#block.length;
    if (this.#heldBytes === 0 && rest.length >= wantedBytes) {
      this.#gathered(rest.subarray(0, wantedBytes));
      return wantedBytes;
    }
    const takenBytes = Math.min(wantedBytes - this.#heldBytes, rest.length);
    this.#block.set(rest.subarray(0, takenBytes), this.#heldBytes);
    this.#heldBytes += takenBytes;
    if (this.#heldBytes === wantedBytes) {
      const whole = this.#block;
      this.#heldBytes = 0;
      this.#gathered(whole);
    }
    return takenBytes;
  }

  #gathered(block: Uint8Array): void {
    if (this.#phase === "pax") {
      this.#readPax(block);
    } else if (isZero(block)) {
      this.#readZeroBlock();
    } else {
      this.#readHeader(block);
    }
  }

  #readZeroBlock(): void {
    if (this.#pax !== undefined) throw unsafe("pax header has no entry after it");
    this.#zeroBlocks += 1;
    if (this.#zeroBlocks === 2) this.#phase = "trailer";
  }

  #readHeader(block: Uint8Array): void {
    if (this.#zeroBlocks > 0) throw unsafe("archive goes on after an end-of-archive block");
    // A header that came in parts began in an earlier chunk.
    this.#headerAt = this.#readBytes - (this.#readBytes % tarBlockBytes);
    const entry = this.#atHeader(() => this.#entryOf(parseTarHeader(block)));
    if (entry === undefined) return;
    this.#tree.add(entry);
    this.#sink.entry(entry);
    if (entry.kind === "file") this.#startContent(entry.sizeBytes);
  }

  /** The entry of a header, or undefined if the header is a pax header. */
  #entryOf(header: TarHeader): TarEntry | undefined {
    const pax = this.#pax;
    if (header.kind === "pax") {
      if (pax !== undefined) throw unsafe("pax header comes after a pax header");
      checkPaxSize(header.sizeBytes);
      this.#phase = "pax";
      this.#paxBytes = header.sizeBytes;
      this.#block = new Uint8Array(header.sizeBytes + paddingBytes(header.sizeBytes));
      return undefined;
    }
    this.#pax = undefined;
    return toEntry(pax === undefined ? header : applyPax(header, pax));
  }

  #readPax(block: Uint8Array): void {
    this.#atHeader(() => {
      checkPadding(block.subarray(this.#paxBytes));
      this.#pax = parsePaxRecords(block.subarray(0, this.#paxBytes));
    });
    this.#phase = "header";
    this.#block = new Uint8Array(tarBlockBytes);
  }

  #startContent(sizeBytes: number): void {
    this.#phase = "content";
    this.#leftBytes = sizeBytes;
    this.#paddingBytes = paddingBytes(sizeBytes);
    if (sizeBytes === 0) this.#endContent();
  }

  #takeContent(rest: Uint8Array): number {
    const takenBytes = Math.min(this.#leftBytes, rest.length);
    this.#sink.data(rest.subarray(0, takenBytes));
    this.#leftBytes -= takenBytes;
    if (this.#leftBytes === 0) this.#endContent();
    return takenBytes;
  }

  #endContent(): void {
    this.#sink.endOfFile();
    this.#leftBytes = this.#paddingBytes;
    this.#phase = this.#paddingBytes === 0 ? "header" : "padding";
  }

  #takePadding(rest: Uint8Array): number {
    const takenBytes = Math.min(this.#leftBytes, rest.length);
    checkPadding(rest.subarray(0, takenBytes));
    this.#leftBytes -= takenBytes;
    if (this.#leftBytes === 0) this.#phase = "header";
    return takenBytes;
  }

  /** Adds to a refusal where the header is. */
  #atHeader<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof BangerError)) throw error;
      throw error.during(`tar header at byte ${this.#headerAt}`);
    }
  }
}

function toEntry(header: TarEntryHeader): TarEntry {
  const { kind, name } = header;
  if (kind === "file") return { kind, path: name, sizeBytes: header.sizeBytes };
  if (kind === "symlink") return { kind, path: name, target: header.linkName };
  // The slash is how tar writes a directory; a second one is left for the policy to refuse.
  return { kind, path: name.endsWith("/") ? name.slice(0, -1) : name };
}

function paddingBytes(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

function checkPadding(padding: Uint8Array): void {
  if (!isZero(padding)) throw unsafe("padding after the content is not zero");
}
