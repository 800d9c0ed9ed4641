import path from "node:path";
import type { Arch } from "../core/arch.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import { BangerError } from "../core/errors.ts";
import type { Reference } from "../core/reference.ts";
import { lookThrough } from "../io/files.ts";
import type { InstalledKernel } from "../store/kernel-store.ts";
import { scopeTo } from "./catalog-scope.ts";
import { type Context, openStore } from "./context.ts";
import { findKernel } from "./find-kernel.ts";

/** A kernel to look into: one that is installed, or any file. */
export interface KernelTarget {
  /** Absolute for an installed kernel, else as it was named. */
  readonly file: string;
  /** Undefined: whatever the file is for. */
  readonly arch: Arch | undefined;
  /** Undefined for a file. */
  readonly installed: InstalledKernel | undefined;
  /** Whether its modules are beside it. */
  readonly hasModules: boolean;
}

/**
 * Finds what somebody means by `NAME|FILE`: with a slash it is a file, or if there is none a kernel
 * `CATALOG/NAME`; else an installed kernel, else a file of that name.
 *
 * @param parse reads a reference, and throws `usage` when it is none.
 * @throws {BangerError} `not-found`, `usage`, `bad-state`, `io`.
 */
export async function kernelTarget(
  context: Context,
  text: string,
  arch: Arch | undefined,
  parse: (text: string) => Reference,
): Promise<KernelTarget> {
  if (text === "") throw new BangerError("usage", "the name of the kernel is empty");
  const isFile = lookThrough(text) !== undefined;
  if (text.includes("/") && (isFile || !isInCatalog(text, parse))) return fileTarget(text, arch);
  try {
    const reference = parse(text);
    const scope = scopeTo(context, reference.catalog);
    const kernel = await findKernel(scope, await openStore(scope, "read"), reference);
    return installedTarget(kernel);
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    const isNoName = error.code === "usage" || error.code === "not-found";
    if (isNoName && isFile) return fileTarget(text, arch);
    // With a colon or an at sign it was meant as a name.
    if (error.code !== "usage" || /[:@]/.test(text)) throw error;
    throw new BangerError("not-found", `there is no file ${text}, and it is no kernel's name`, {
      hint: "a name is like generic-6.12; what is installed: banger kernel list",
      cause: error,
    });
  }
}

/** Whether a text with a slash reads as `CATALOG/NAME`. */
function isInCatalog(text: string, parse: (text: string) => Reference): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (error instanceof BangerError && error.code === "usage") return false;
    throw error;
  }
}

/** The image of an installed kernel. */
export function installedTarget(kernel: InstalledKernel): KernelTarget {
  const { directory, arch, manifest } = kernel;
  return {
    file: path.join(directory, bundleNames.kernel),
    arch,
    installed: kernel,
    hasModules: manifest.files.some((file) => file.path.startsWith(`${bundleNames.modules}/`)),
  };
}

function fileTarget(file: string, arch: Arch | undefined): KernelTarget {
  const modules = path.join(path.dirname(file), bundleNames.modules);
  const hasModules = lookThrough(modules)?.isDirectory() === true;
  return { file, arch, installed: undefined, hasModules };
}
