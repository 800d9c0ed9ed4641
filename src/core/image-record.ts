import * as v from "valibot";
import { isArch, type Arch } from "./arch.ts";
import {
  type CatalogName,
  type ImageName,
  isCatalogName,
  isImageName,
  isKernelName,
  type KernelName,
} from "./kernel-name.ts";
import type { RootFileSystem } from "./root-file-system.ts";
import type { Sha256 } from "./sha256.ts";
import { sha256Schema } from "./sha256-schema.ts";
import { parseStored } from "./stored-json.ts";

/** A root filesystem joined with a kernel by reference. @see docs/formats/store.md */
export interface ImageRecord {
  readonly version: 1;
  readonly name: ImageName;
  /** Absolute path of the file or block device. */
  readonly rootfs: string;
  readonly file_system: RootFileSystem;
  readonly read_only: boolean;
  /** Which kernel; the build that a pinned image holds on to is named by its pin. */
  readonly kernel: {
    /** Absent: banger's own. */
    readonly catalog?: CatalogName | undefined;
    readonly name: KernelName;
    readonly arch: Arch;
    readonly pinned: boolean;
  };
  /** Replaces the architecture's default; absent means the default of the banger that reads it. */
  readonly boot_args?: string | undefined;
  /** RFC 3339, UTC. */
  readonly registered_at: string;
}

/** What the kernel store remembers of an image, so that nobody removes its kernel from under it. */
export interface ImagePin extends ImageHold {
  readonly version: 1;
  readonly image: ImageName;
  /** Absolute path of the state folder that holds the image's record. */
  readonly state_dir: string;
  /** While another record takes the place of the image's: what the one before needs. */
  readonly replaces?: ReplacedHold | undefined;
}

/** What an image needs of the kernel store. */
export interface ImageHold {
  readonly kernel: { readonly name: KernelName; readonly arch: Arch };
  /** The installed tree that the image holds on to; absent when it follows the name. */
  readonly tree?: string | undefined;
}

export interface ReplacedHold extends ImageHold {
  /** Of the record that needs it: as long as that is in place, this counts. */
  readonly record_sha256: Sha256;
}

const kernel = {
  name: v.custom<KernelName>((value) => typeof value === "string" && isKernelName(value)),
  arch: v.custom<Arch>((value) => typeof value === "string" && isArch(value)),
};
const catalogName = v.custom<CatalogName>(
  (value) => typeof value === "string" && isCatalogName(value),
);
const treeName = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,190}$/));
const imageName = v.custom<ImageName>((value) => typeof value === "string" && isImageName(value));
const absolutePath = v.pipe(v.string(), v.startsWith("/"));

const recordSchema = v.object({
  version: v.literal(1),
  name: imageName,
  rootfs: absolutePath,
  file_system: v.picklist(["ext2", "ext3", "ext4", "squashfs", "erofs", "xfs", "btrfs"]),
  read_only: v.boolean(),
  kernel: v.object({ catalog: v.optional(catalogName), ...kernel, pinned: v.boolean() }),
  boot_args: v.optional(v.string()),
  registered_at: v.string(),
});

const hold = { kernel: v.object(kernel), tree: v.optional(treeName) };

const pinSchema = v.object({
  version: v.literal(1),
  image: imageName,
  state_dir: absolutePath,
  ...hold,
  replaces: v.optional(v.object({ ...hold, record_sha256: sha256Schema })),
});

/** @throws {BangerError} `bad-state`, when `json` is not an image record. */
export function parseImageRecord(json: string, origin: string): ImageRecord {
  return parseStored(
    recordSchema,
    json,
    origin,
    "forget it: banger image rm NAME; or register the image again with --force",
  );
}

/** @throws {BangerError} `bad-state`, when `json` is not a pin. */
export function parseImagePin(json: string, origin: string): ImagePin {
  return parseStored(
    pinSchema,
    json,
    origin,
    `remove the file when no image needs the kernel any more: rm ${origin}`,
  );
}
