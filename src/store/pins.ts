import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import { parseImagePin, parseImageRecord, type ImagePin } from "../core/image-record.ts";
import type { CatalogName, ImageName, KernelName } from "../core/kernel-name.ts";
import {
  listNames,
  makeFolder,
  readText,
  removeFile,
  replaceFile,
  syncFolder,
} from "../io/files.ts";
import { Sha256Hash } from "../io/hash.ts";
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
    return this.list().filter((pin) => pin.kernel.name === name && pin.kernel.arch === arch);
  }

  /** The pin of one image. */
  find(stateDir: string, image: ImageName): ImagePin | undefined {
    const file = this.#file(stateDir, image);
    const text = readText(file, maxPinBytes);
    return text === undefined ? undefined : parseImagePin(text, file);
  }

  /** Puts a pin in place, durably. @throws {BangerError} `io`, `no-space` */
  put(pin: ImagePin): void {
    makeFolder(this.#layout.pins);
    replaceFile(this.#file(pin.state_dir, pin.image), `${JSON.stringify(pin, undefined, 2)}\n`);
  }

  /** Takes a pin away, durably. @throws {BangerError} `io` */
  remove(stateDir: string, image: ImageName): void {
    const file = this.#file(stateDir, image);
    if (readText(file, maxPinBytes) === undefined) return;
    removeFile(file);
    syncFolder(this.#layout.pins);
  }

  /**
   * Removes pins of a state folder whose image is not there, or has a kernel of another catalog: a
   * registration that was cut short.
   *
   * @param catalog whose kernels these are; undefined for banger's own.
   */
  sweep(stateDir: string, catalog: CatalogName | undefined): void {
    for (const pin of this.list()) {
      if (pin.state_dir !== stateDir) continue;
      const file = imageFile(stateDir, pin.image);
      const text = readText(file, maxRecordBytes);
      if (text === undefined || isOfOther(text, file, catalog)) this.remove(stateDir, pin.image);
    }
  }

  #file(stateDir: string, image: ImageName): string {
    const folder = new Sha256Hash().update(stateDir).digest().slice(0, 16);
    return path.join(this.#layout.pins, `${folder}-${image}.json`);
  }
}

/** A record that cannot be read may well need its kernel. */
function isOfOther(text: string, file: string, catalog: CatalogName | undefined): boolean {
  try {
    return parseImageRecord(text, file).kernel.catalog !== catalog;
  } catch (error) {
    if (error instanceof BangerError) return false;
    throw error;
  }
}
