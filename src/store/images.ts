import path from "node:path";
import { parseImageRecord, type ImageRecord } from "../core/image-record.ts";
import { isImageName, type ImageName } from "../core/kernel-name.ts";
import type { Environment } from "../io/environment.ts";
import {
  listNames,
  makeFolder,
  readText,
  removeFile,
  removeTemporaryFiles,
  replaceFile,
  syncFolder,
} from "../io/files.ts";
import { imageFile, imagesFolder } from "./layout.ts";
import { checkInnerFolder, openFolder, type Access } from "./state-folder.ts";

const maxRecordBytes = 1 << 20;

/** The image records of a state folder, one JSON file each. */
export class ImageStore {
  /** Absolute, links resolved. */
  readonly stateDir: string;

  private constructor(stateDir: string) {
    this.stateDir = stateDir;
  }

  /** @throws {BangerError} `bad-state`, when the folder is not safe to use; `io`. */
  static open(environment: Environment, access: Access): ImageStore {
    const stateDir = openFolder(environment.stateDir, access, environment) ?? environment.stateDir;
    checkInnerFolder(imagesFolder(stateDir), access, environment);
    return new ImageStore(stateDir);
  }

  /** All records, by name. @throws {BangerError} `bad-state`, `io` */
  list(): ImageRecord[] {
    return listNames(imagesFolder(this.stateDir))
      .map((file) => path.basename(file, ".json"))
      .filter((name) => isImageName(name))
      .flatMap((name) => this.find(name) ?? []);
  }

  /** @throws {BangerError} `bad-state`, when the record is damaged; `io`. */
  find(name: ImageName): ImageRecord | undefined {
    const file = imageFile(this.stateDir, name);
    const text = readText(file, maxRecordBytes);
    return text === undefined ? undefined : parseImageRecord(text, file);
  }

  /** Puts a record in place, durably. @throws {BangerError} `io`, `no-space` */
  put(record: ImageRecord): void {
    const folder = imagesFolder(this.stateDir);
    makeFolder(folder);
    // What a killed registration left.
    removeTemporaryFiles(folder);
    const file = imageFile(this.stateDir, record.name);
    replaceFile(file, `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** Takes a record away, durably. @throws {BangerError} `io` */
  remove(name: ImageName): void {
    removeFile(imageFile(this.stateDir, name));
    syncFolder(imagesFolder(this.stateDir));
  }
}
