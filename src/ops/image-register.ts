import path from "node:path";
import { BangerError } from "../core/errors.ts";
import { firecrackerConfig } from "../core/firecracker-config.ts";
import type { ImagePin, ImageRecord } from "../core/image-record.ts";
import type { ImageName } from "../core/kernel-name.ts";
import type { Reference } from "../core/reference.ts";
import { now } from "../io/clock.ts";
import type { ImageStore } from "../store/images.ts";
import type { InstalledKernel, KernelStore } from "../store/kernel-store.ts";
import type { Transaction } from "../store/transaction.ts";
import { change, type Context } from "./context.ts";
import { withWayTo } from "./find-kernel.ts";
import { requireFileSystem } from "./root-file-system.ts";

export interface RegisterInput {
  readonly name: ImageName;
  readonly rootfs: string;
  readonly kernel: Reference;
  readonly bootArgs: string | undefined;
  readonly readOnly: boolean;
  /** Hold this very build, also through later pulls. A reference with `@` does so by itself. */
  readonly pin: boolean;
  /** Replace an image of that name. */
  readonly force: boolean;
}

export interface RegisterResult {
  readonly record: ImageRecord;
  readonly kernel: InstalledKernel;
  readonly outcome: "registered" | "replaced" | "current";
}

/**
 * Joins a root filesystem with an installed kernel under a name.
 *
 * @param kernels the kernels of the reference's catalog.
 * @throws {BangerError} `not-found`, when the kernel is not installed; `wrong-image`, when the root
 * filesystem is none that a kernel mounts; `refused`, when the name is taken; `usage`, `io`.
 */
export async function registerImage(
  context: Context,
  kernels: KernelStore,
  images: ImageStore,
  input: RegisterInput,
): Promise<RegisterResult> {
  const rootfs = path.resolve(input.rootfs);
  const fileSystem = requireFileSystem(rootfs);
  const work = (transaction: Transaction): RegisterResult => {
    const kernel = kernels.find(input.kernel);
    const pinned = input.pin || input.kernel.build !== undefined;
    requireBootArgs(input, kernel, rootfs);
    const record: ImageRecord = {
      version: 1,
      name: input.name,
      rootfs,
      file_system: fileSystem,
      read_only: input.readOnly,
      kernel: {
        ...(kernels.catalog === undefined ? {} : { catalog: kernels.catalog }),
        name: kernel.name,
        arch: kernel.arch,
        pinned,
      },
      ...(input.bootArgs === undefined ? {} : { boot_args: input.bootArgs }),
      registered_at: now(),
    };
    const before = input.force ? readable(images, input.name) : images.find(input.name);
    const heldBefore = before && transaction.pins.find(images.stateDir, before)?.tree;
    const holds = pinned ? kernel.tree : undefined;
    if (before !== undefined && isSame(before, record) && heldBefore === holds) {
      return { record: before, kernel, outcome: "current" };
    }
    if (before !== undefined && !input.force) {
      throw new BangerError("refused", `there is an image ${input.name} already`, {
        hint: `replace it with --force, or remove it first: banger image rm ${input.name}`,
      });
    }
    const pin: ImagePin = {
      version: 1,
      image: input.name,
      state_dir: images.stateDir,
      kernel: { name: kernel.name, arch: kernel.arch },
      tree: holds,
    };
    transaction.pins.putWith(pin, before, () => {
      images.put(record);
    });
    return { record, kernel, outcome: before === undefined ? "registered" : "replaced" };
  };
  return withWayTo(context, kernels, input.kernel, () =>
    change(context, kernels, `registering ${input.name}`, work),
  );
}

/** The record that is replaced; one that is damaged is as good as none. */
function readable(images: ImageStore, name: ImageName): ImageRecord | undefined {
  try {
    return images.find(name);
  } catch (error) {
    if (error instanceof BangerError && error.code === "bad-state") return undefined;
    throw error;
  }
}

/** Finds out now, not at the first boot, what Firecracker would refuse. */
function requireBootArgs(input: RegisterInput, kernel: InstalledKernel, rootfs: string): void {
  firecrackerConfig({
    arch: kernel.arch,
    kernelPath: kernel.treeDirectory,
    rootfsPath: rootfs,
    readOnly: input.readOnly,
    bootArgs: input.bootArgs,
    vcpuCount: 1,
    memSizeMib: 128,
  });
}

function isSame(a: ImageRecord, b: ImageRecord): boolean {
  return timeless(a) === timeless(b);
}

function timeless(record: ImageRecord): string {
  return JSON.stringify({ ...record, registered_at: "" });
}
