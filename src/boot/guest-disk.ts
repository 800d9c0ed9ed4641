import { HeldFile } from "../io/held-file.ts";
import { randomBytes } from "../io/random.ts";
import { readWhole } from "../io/read-range.ts";

const blockBytes = 4096;
const nonceMark = "banger-nonce\n";

/**
 * A disk for one run of the guest, in a file without a name. It carries a nonce that nobody can know before;
 * whoever writes it back, backwards, has read this disk and written to it.
 */
export class GuestDisk implements Disposable {
  readonly file: HeldFile;
  readonly #nonce: Uint8Array;
  readonly #nonceAt: number;

  private constructor(file: HeldFile, nonce: Uint8Array, nonceAt: number) {
    this.file = file;
    this.#nonce = nonce;
    this.#nonceAt = nonceAt;
  }

  /**
   * @param template the image of the guest's {@link GuestFiles}.
   * @param folder where there is space for it.
   * @throws {BangerError} `io`, `no-space`.
   */
  static make(template: string, folder: string): GuestDisk {
    const image = Uint8Array.from(readWhole(template));
    const nonceAt = blockThatBegins(image, nonceMark);
    const nonce = randomBytes(blockBytes);
    image.set(nonce, nonceAt);
    const file = HeldFile.nameless(folder);
    file.write(image);
    return new GuestDisk(file, nonce, nonceAt);
  }

  /** Whether the block behind the nonce holds the nonce backwards. @throws {BangerError} `io` */
  isAnswered(): boolean {
    const answer = this.file.range(this.#nonceAt + blockBytes, blockBytes);
    return (
      answer.length === blockBytes &&
      answer.every((byte, index) => byte === this.#nonce[blockBytes - 1 - index])
    );
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }
}

function blockThatBegins(image: Uint8Array, text: string): number {
  for (let at = 0; at < image.length; at += blockBytes) {
    const start = String.fromCharCode(...image.subarray(at, at + text.length));
    if (start === text) return at;
  }
  throw new Error(`the guest's disk has no block that begins with ${JSON.stringify(text)}`);
}
