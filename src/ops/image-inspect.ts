import path from "node:path";
import { bundleNames } from "../core/bundle-tree.ts";
import { BangerError } from "../core/errors.ts";
import { firecrackerConfig, type FirecrackerConfig } from "../core/firecracker-config.ts";
import type { ImageRecord } from "../core/image-record.ts";
import type { ImageName } from "../core/kernel-name.ts";
import { fileDigest } from "../core/manifest.ts";
import { nearest } from "../core/nearest.ts";
import type { Environment } from "../io/environment.ts";
import { lookThrough } from "../io/files.ts";
import type { ImageStore } from "../store/images.ts";
import { type InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import { Pins } from "../store/pins.ts";
import { change, type Context } from "./context.ts";

/** An image and what it leads to at this moment. */
export interface InspectedImage {
  readonly record: ImageRecord;
  /** Undefined when the kernel is gone or damaged; `problem` then says so. */
  readonly kernel: InstalledKernel | undefined;
  /** Why the image cannot be started now; undefined when it can. */
  readonly problem: BangerError | undefined;
}

/** All images, by name. @throws {BangerError} `bad-state`, `io` */
export function listImages({ environment }: Context, images: ImageStore): InspectedImage[] {
  return images.list().map((record) => inspect(environment, images, record));
}

/** One image. @throws {BangerError} `not-found`; `bad-state`, `io` */
export function showImage(
  { environment }: Context,
  images: ImageStore,
  name: ImageName,
): InspectedImage {
  return inspect(environment, images, requireImage(images, name));
}

function requireImage(images: ImageStore, name: ImageName): ImageRecord {
  const record = images.find(name);
  if (record !== undefined) return record;
  const meant = nearest(
    name,
    images.list().map((other) => other.name),
  );
  throw new BangerError("not-found", `there is no image ${name}`, {
    hint: meant === undefined ? "see what there is: banger image list" : `did you mean ${meant}?`,
  });
}

function inspect(
  environment: Environment,
  images: ImageStore,
  record: ImageRecord,
): InspectedImage {
  for (let seen = record; ;) {
    const image = inspectRecord(environment, images, seen);
    // Replaced meanwhile, it was perhaps given what the new one is pinned to.
    const since = images.find(seen.name);
    if (since === undefined || JSON.stringify(since) === JSON.stringify(seen)) return image;
    seen = since;
  }
}

function inspectRecord(
  environment: Environment,
  images: ImageStore,
  record: ImageRecord,
): InspectedImage {
  try {
    const kernels = KernelStore.open(environment, "read", record.kernel.catalog);
    const kernel = kernelOf(kernels, images, record);
    const rootfs = lookThrough(record.rootfs);
    const problem =
      rootfs === undefined
        ? new BangerError(
            "not-found",
            `the root filesystem ${record.rootfs} of ${record.name} is gone`,
            {
              hint: `bring it back, or register the image again: banger image register --force --name ${record.name} …`,
            },
          )
        : rootfs.isBlockDevice() || (rootfs.isFile() && rootfs.size > 0)
          ? undefined
          : new BangerError(
              "wrong-image",
              `the root filesystem ${record.rootfs} of ${record.name} is no longer one`,
              { hint: "it is empty, or neither a file nor a block device: bring it back" },
            );
    return { record, kernel, problem };
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    return { record, kernel: undefined, problem: error };
  }
}

function kernelOf(kernels: KernelStore, images: ImageStore, record: ImageRecord): InstalledKernel {
  const { name, arch, pinned } = record.kernel;
  const tree = new Pins(kernels.layout).find(images.stateDir, record)?.tree;
  const kernel = pinned
    ? tree === undefined
      ? undefined
      : kernels.tree(name, arch, tree)
    : kernels.current(name, arch);
  if (kernel === undefined) {
    throw new BangerError(
      "not-found",
      `the kernel ${kernels.labelOf(name)} (${arch}) of the image ${record.name} is not installed`,
      { hint: `to install it: banger kernel pull ${kernels.labelOf(name)}:${arch}` },
    );
  }
  if ("damage" in kernel) throw kernel.damage;
  return kernel;
}

export interface ConfigInput {
  readonly vcpuCount: number;
  readonly memSizeMib: number;
  readonly tap: string | undefined;
  readonly mac: string | undefined;
  readonly vsock: { readonly guestCid: number; readonly udsPath: string } | undefined;
}

/**
 * The document with which `firecracker --config-file` starts an image.
 *
 * @throws {BangerError} `not-found`, when the image, its kernel or its root filesystem is not
 * there; `usage`, naming what Firecracker would refuse.
 */
export function configureImage(
  context: Context,
  images: ImageStore,
  name: ImageName,
  input: ConfigInput,
): FirecrackerConfig {
  const { record, kernel, problem } = showImage(context, images, name);
  if (kernel === undefined || problem !== undefined) {
    throw problem ?? new Error("an image without a kernel has a problem");
  }
  const directory = record.kernel.pinned ? kernel.treeDirectory : kernel.directory;
  const hasInitrd = fileDigest(kernel.manifest, bundleNames.initrd) !== undefined;
  return firecrackerConfig({
    arch: kernel.arch,
    kernelPath: path.join(directory, bundleNames.kernel),
    initrdPath: hasInitrd ? path.join(directory, bundleNames.initrd) : undefined,
    rootfsPath: record.rootfs,
    readOnly: record.read_only,
    bootArgs: record.boot_args,
    vcpuCount: input.vcpuCount,
    memSizeMib: input.memSizeMib,
    tap: input.tap,
    mac: input.mac,
    vsock: input.vsock && { ...input.vsock, udsPath: path.resolve(input.vsock.udsPath) },
  });
}

/**
 * Forgets an image, also one whose record is damaged; its root filesystem stays.
 *
 * @returns the record; undefined when it could not be read.
 * @throws {BangerError} `not-found`; `io`.
 */
export async function removeImage(
  context: Context,
  images: ImageStore,
  name: ImageName,
): Promise<ImageRecord | undefined> {
  for (;;) {
    const seen = readable(images, name);
    const kernels = KernelStore.open(context.environment, "write", seen?.kernel.catalog);
    const removed = await change(context, kernels, `removing the image ${name}`, (transaction) => {
      // Somebody may have removed it in the meantime, or given it a kernel of another catalog.
      const record = readable(images, name);
      if (record?.kernel.catalog !== kernels.catalog) return undefined;
      // The record goes first: a pin without its record is swept, the other way round would be a loss.
      images.remove(name);
      transaction.pins.remove(images.stateDir, name);
      return { record };
    });
    if (removed !== undefined) return removed.record;
  }
}

function readable(images: ImageStore, name: ImageName): ImageRecord | undefined {
  try {
    return requireImage(images, name);
  } catch (error) {
    if (error instanceof BangerError && error.code === "bad-state") return undefined;
    throw error;
  }
}
