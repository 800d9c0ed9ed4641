import { expect } from "bun:test";
import type { Arch } from "../../src/core/arch.ts";
import { requireBootable } from "../../src/core/bootable.ts";
import { BangerError } from "../../src/core/errors.ts";
import { identifyImage, type ImageKind } from "../../src/core/kernel-image.ts";

/** The error with which a file is refused as a kernel for `arch`. @throws when it is accepted. */
export function refusal(
  file: Uint8Array | ImageKind,
  arch: Arch = "x86_64",
  path = "k/file",
): BangerError {
  const kind = file instanceof Uint8Array ? identifyImage(file, file.length) : file;
  try {
    requireBootable(kind, arch, path);
  } catch (error) {
    if (error instanceof BangerError) {
      expect(error.code).toBe("wrong-image");
      return error;
    }
    throw error;
  }
  throw new Error(`${kind.kind} was not refused`);
}
