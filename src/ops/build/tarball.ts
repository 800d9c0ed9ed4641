import type { Sha256 } from "../../core/sha256.ts";
import type { ArchiveOptions } from "../../io/source-archive.ts";
import type { Context } from "../context.ts";

/** The tarball of a source. */
export interface Tarball {
  /** Its file name. */
  readonly name: string;
  /** Where it came from, when that was a server. */
  readonly url: string | undefined;
  readonly sha256: Sha256;
}

/** No larger tarball is taken: 1 GiB, seven times that of 6.12. */
export const maxTarballBytes: number = 2 ** 30;

/** Unpacked: 8 GiB, five times that of 6.12. */
const maxUnpackedBytes = 2 ** 33;

/** How sources are decompressed and unpacked. */
export function sourceArchiveOptions(context: Context): ArchiveOptions {
  const { environment, signal } = context;
  return { variables: environment.variables, signal, maxBytes: maxUnpackedBytes };
}
