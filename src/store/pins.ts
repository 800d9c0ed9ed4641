import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import {
  parseImagePin,
  parseImageRecord,
  type ImageHold,
  type ImagePin,
  type ImageRecord,
} from "../core/image-record.ts";
import type { CatalogName, ImageName, KernelName } from "../core/kernel-name.ts";
import type { Sha256 } from "../core/sha256.ts";
import {
  listNames,
  makeFolder,
  readText,
  removeFile,
  replaceFile,
  syncFolder,
} from "../io/files.ts";
import { sha256Of } from "../io/hash.ts";
import { imageFile, type KernelsLayout } from "./layout.ts";

const maxPinBytes = 64 * 1024;
const maxRecordBytes = 1 << 20;

/**
 * What the images of all state folders that share a kernels folder need of it. Only to be changed
 * under the lock of the store.
 */
export class Pins {
  readonly #layout: KernelsLayout;

  constructor(layout: KernelsLayout) {
    this.#layout = layout;
  }

  /** All pins, by file name. @throws {BangerError} `bad-state`, `io` */
  list(): ImagePin[] {
    return listNames(this.#layout.pins)
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => {
        const file = path.join(this.#layout.pins, name);
        const text = readText(file, maxPinBytes);
        return text === undefined ? [] : [parseImagePin(text, file)];
      });
  }

  /** The pins on a kernel, whether they follow its name or hold one build. */
  of(name: KernelName, arch: Arch): ImagePin[] {
    const isOnIt = ({ kernel }: ImageHold): boolean => kernel.name === name && kernel.arch === arch;
    return this.list().filter((pin) => holdsOf(pin).some(isOnIt));
  }

  /** The names of all trees that images hold on to. */
  trees(): Set<string> {
    return new Set(
      this.list()
        .flatMap(holdsOf)
        .flatMap(({ tree }) => tree ?? []),
    );
  }

  /** What an image with this record needs. */
  find(stateDir: string, record: ImageRecord): ImageHold | undefined {
    const file = this.#file(stateDir, record.name);
    const text = readText(file, maxPinBytes);
    return text === undefined ? undefined : holdOf(parseImagePin(text, file), record);
  }

  /**
   * Puts a pin in place, and then the record of its image, durably. Cut short at any moment, the record
   * that is there has what it needs.
   *
   * @param before the record that is replaced.
   * @throws {BangerError} `io`, `no-space`
   */
  putWith(pin: ImagePin, before: ImageRecord | undefined, putRecord: () => void): void {
    const held = before === undefined ? undefined : this.find(pin.state_dir, before);
    if (before === undefined || held === undefined) {
      // The pin comes first: a record without its pin could lose its kernel.
      this.#put(pin);
      putRecord();
      return;
    }
    const { kernel, tree } = held;
    this.#put({ ...pin, replaces: { kernel, tree, record_sha256: digestOf(before) } });
    putRecord();
    try {
      this.#put(pin);
    } catch (error) {
      // It is registered; what the one before needed is held until the next sweep.
      if (!(error instanceof BangerError)) throw error;
    }
  }

  /** Lets whoever holds on to one tree hold on to another. @throws {BangerError} `io`, `no-space` */
  move(from: string, to: string): void {
    const moved = <Hold extends ImageHold>(hold: Hold): Hold =>
      hold.tree === from ? { ...hold, tree: to } : hold;
    for (const pin of this.list()) {
      if (!holdsOf(pin).some(({ tree }) => tree === from)) continue;
      const { replaces } = pin;
      this.#put({
        ...moved(pin),
        ...(replaces === undefined ? {} : { replaces: moved(replaces) }),
      });
    }
  }

  /** Takes a pin away, durably. @throws {BangerError} `io` */
  remove(stateDir: string, image: ImageName): void {
    const file = this.#file(stateDir, image);
    if (readText(file, maxPinBytes) === undefined) return;
    removeFile(file);
    syncFolder(this.#layout.pins);
  }

  /**
   * Removes pins of a state folder whose image is not there, or has a kernel of another catalog, and
   * what the record that is in place does not need: registrations that were cut short.
   *
   * @param catalog whose kernels these are; undefined for banger's own.
   */
  sweep(stateDir: string, catalog: CatalogName | undefined): void {
    for (const pin of this.list()) {
      if (pin.state_dir !== stateDir) continue;
      const file = imageFile(stateDir, pin.image);
      const text = readText(file, maxRecordBytes);
      const record = text === undefined ? undefined : readable(text, file);
      // A record that cannot be read may well need its kernel.
      if (record === "damaged") continue;
      if (record === undefined || record.kernel.catalog !== catalog) {
        this.remove(stateDir, pin.image);
      } else if (pin.replaces !== undefined) {
        const { kernel, tree } = holdOf(pin, record);
        this.#put({ version: 1, image: pin.image, state_dir: stateDir, kernel, tree });
      }
    }
  }

  #put(pin: ImagePin): void {
    makeFolder(this.#layout.pins);
    replaceFile(this.#file(pin.state_dir, pin.image), `${JSON.stringify(pin, undefined, 2)}\n`);
  }

  #file(stateDir: string, image: ImageName): string {
    const folder = sha256Of(stateDir).slice(0, 16);
    return path.join(this.#layout.pins, `${folder}-${image}.json`);
  }
}

function readable(text: string, file: string): ImageRecord | "damaged" {
  try {
    return parseImageRecord(text, file);
  } catch (error) {
    if (error instanceof BangerError) return "damaged";
    throw error;
  }
}

function holdsOf(pin: ImagePin): readonly ImageHold[] {
  return pin.replaces === undefined ? [pin] : [pin, pin.replaces];
}

function holdOf(pin: ImagePin, record: ImageRecord): ImageHold {
  const { replaces } = pin;
  return replaces !== undefined && replaces.record_sha256 === digestOf(record) ? replaces : pin;
}

function digestOf(record: ImageRecord): Sha256 {
  return sha256Of(JSON.stringify(record));
}
