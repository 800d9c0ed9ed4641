/** Tarballs of kernel sources that are hardly any: a Makefile and a script. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** When all files of these tarballs were last changed. */
export const tarballTime = 1_700_000_000;

export interface KernelTarball {
  /** What kernel.org signs. */
  readonly tar: Buffer;
  /** What kernel.org serves. */
  readonly xz: Buffer;
}

export interface TarballOptions {
  /** The folder at its top; default `linux-VERSION`. */
  readonly top?: string;
  /** Instead of the one with the version. */
  readonly makefile?: string;
  /** Bytes that do not compress, in a file of their own. */
  readonly ballast?: Uint8Array;
}

/** @param version MAJOR.MINOR.PATCH */
export function kernelTarball(version: string, options: TarballOptions = {}): KernelTarball {
  const folder = mkdtempSync(join(tmpdir(), "banger-tarball-"));
  try {
    const { top = `linux-${version}`, ballast } = options;
    const [major, minor, patch] = version.split(".");
    const head = `# SPDX-License-Identifier: GPL-2.0\nVERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${patch}\nEXTRAVERSION =\n`;
    mkdirSync(join(folder, top, "scripts"), { recursive: true });
    writeFileSync(join(folder, top, "Makefile"), options.makefile ?? head);
    writeFileSync(join(folder, top, "scripts/run"), "#!/bin/sh\n", { mode: 0o755 });
    if (ballast !== undefined) writeFileSync(join(folder, top, "ballast"), ballast);
    must(folder, "tar", `--mtime=@${tarballTime}`, "--sort=name", "-cf", "a.tar", top);
    must(folder, "xz", "-k0", "a.tar");
    return {
      tar: readFileSync(join(folder, "a.tar")),
      xz: readFileSync(join(folder, "a.tar.xz")),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function must(folder: string, program: string, ...args: readonly string[]): void {
  const end = spawnSync(program, args, { cwd: folder });
  if (end.status !== 0) throw new Error(`${program}: ${end.stderr.toString()}`);
}
