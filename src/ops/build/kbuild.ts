import path from "node:path";
import type { Arch } from "../../core/arch.ts";
import { BangerError } from "../../core/errors.ts";
import { runChild } from "../../io/child.ts";
import { appendText, writeProgram } from "../../io/build-files.ts";
import { makeFolder } from "../../io/files.ts";
import { findProgram } from "../../io/host.ts";
import type { Context } from "../context.ts";

/** What Linux calls an architecture, how its cross compiler is called, and what its build makes. */
const targets = {
  x86_64: { kernelArch: "x86_64", prefix: "x86_64-linux-gnu-", image: "vmlinux" },
  arm64: { kernelArch: "arm64", prefix: "aarch64-linux-gnu-", image: "arch/arm64/boot/Image" },
} as const satisfies Record<Arch, object>;

/** Where a kernel is built, and with what. */
export interface KbuildInput {
  readonly arch: Arch;
  /** The unpacked source, absolute; nothing is written to it. */
  readonly source: string;
  /** Where everything is written, absolute. */
  readonly objects: string;
  /** Programs at the same time; does not change what comes out. */
  readonly jobs: number;
  /** Use ccache when it is installed; does not change what comes out. */
  readonly ccache: { readonly folder: string } | undefined;
  /** Seconds since 1970: the date of the source, which the kernel gives as its own. */
  readonly sourceDateEpoch: number;
}

/**
 * The folders get into no debug information, from whose hash the linker makes build ids that stay when the
 * rest is stripped. The last map counts first: what is in a folder goes without it, the folder itself is ".".
 */
const prefixMaps = ["SOURCE=.", "OBJECTS=.", "SOURCE/=", "OBJECTS/="]
  .map((map) => `-ffile-prefix-map=${map}`)
  .join(" ");

/** Lines that say why a build failed. */
const telling =
  /\berror:|\bError \d|undefined reference|No space left on device|: not found|FAILED/;
const maxTellingLines = 20;

/** One out-of-tree build of a kernel; nothing of this machine but its tools gets into the output. */
export class Kbuild {
  readonly objects: string;
  /** The command without its targets, with SOURCE and OBJECTS in place of the two folders. */
  readonly command: readonly string[];
  /** The variables that the output depends on. */
  readonly environment: Readonly<Record<string, string>>;
  /** The image that a boot loader takes, in the objects folder. */
  readonly image: string;
  /** What the names of the compiler and its tools begin with; empty on the architecture itself. */
  readonly prefix: string;
  readonly usesCcache: boolean;
  /** Everything that the build says. */
  readonly log: string;
  readonly #context: Context;
  readonly #input: KbuildInput;
  readonly #variables: Readonly<Record<string, string>>;

  constructor(context: Context, input: KbuildInput) {
    const { arch, objects } = input;
    const { environment } = context;
    const target = targets[arch];
    this.#context = context;
    this.#input = input;
    this.objects = objects;
    this.image = path.join(objects, target.image);
    this.log = path.join(objects, "build.log");
    this.prefix = arch === environment.hostArch ? "" : target.prefix;
    const ccache = input.ccache && findProgram("ccache", environment.variables);
    this.usesCcache = ccache !== undefined;
    this.command = [
      "make",
      "-C",
      "SOURCE",
      "O=OBJECTS",
      `ARCH=${target.kernelArch}`,
      ...(this.prefix === "" ? [] : [`CROSS_COMPILE=${this.prefix}`]),
      `KCFLAGS=${prefixMaps}`,
      `KAFLAGS=${prefixMaps}`,
      "PAHOLE=OBJECTS/pahole",
      // Kconfig writes the version of whatever Rust compiler it finds into the configuration.
      "RUSTC=false",
    ];
    this.environment = {
      KBUILD_BUILD_HOST: "banger",
      KBUILD_BUILD_TIMESTAMP: buildTimestamp(input.sourceDateEpoch),
      KBUILD_BUILD_USER: "banger",
      KBUILD_BUILD_VERSION: "1",
      LANG: "C.UTF-8",
      SOURCE_DATE_EPOCH: String(input.sourceDateEpoch),
      TZ: "UTC",
    };
    this.#variables = {
      ...this.environment,
      PATH: environment.variables["PATH"] ?? "/usr/bin:/bin",
      HOME: objects,
      ...(ccache === undefined ? {} : ccacheVariables(input.ccache?.folder ?? "")),
    };
  }

  /** Makes the objects folder, with the programs that a build wants there. @throws `io`, `no-space` */
  prepare(): void {
    makeFolder(this.objects);
    writeProgram(path.join(this.objects, "pahole"), singleThreadedPahole);
  }

  /**
   * Runs make.
   *
   * @throws {BangerError} `no-space`; `failed`, with the lines that say why; the signal's reason.
   */
  async make(targetNames: readonly string[]): Promise<void> {
    const { source, objects, jobs } = this.#input;
    const compiler = `CC=ccache ${this.prefix}gcc`;
    const args = [
      ...this.command.slice(1),
      ...(this.usesCcache ? [compiler] : []),
      `-j${jobs}`,
      ...targetNames,
    ].map((word) => word.replaceAll("SOURCE", source).replaceAll("OBJECTS", objects));
    const reasons: string[] = [];
    const { exitCode } = await runChild({
      program: "make",
      args,
      environment: this.#variables,
      signal: this.#context.signal,
      maxOutputBytes: 65_536,
      onLine: (line) => {
        appendText(this.log, `${line}\n`);
        if (telling.test(line)) reasons.push(line.trim());
        if (reasons.length > maxTellingLines) reasons.shift();
        this.#context.report({ kind: "line", name: "make", text: line.trim() });
      },
    });
    if (exitCode === 0) return;
    const isFull = reasons.some((line) => line.includes("No space left on device"));
    throw new BangerError(
      isFull ? "no-space" : "failed",
      isFull
        ? `cannot build in ${objects}: the disk is full`
        : `make ${targetNames.join(" ")} ended with ${exitCode}`,
      { hint: [...reasons, `everything that it said is in ${this.log}`].join("\n") },
    );
  }

  /** Runs a program of the target's binutils. @throws {BangerError} `failed`; the signal's reason */
  async binutil(name: "strip", args: readonly string[]): Promise<void> {
    const program = `${this.prefix}${name}`;
    const { exitCode, stderr } = await runChild({
      program,
      args,
      environment: this.#variables,
      signal: this.#context.signal,
    });
    if (exitCode === 0) return;
    const isFull = stderr.includes("No space left on device");
    throw new BangerError(
      isFull ? "no-space" : "failed",
      `${program} ended with ${exitCode}: ${stderr.trim()}`,
    );
  }

  /** The first line that a program of the build says of its version. @throws `failed` */
  async versionOf(program: string): Promise<string> {
    const { stdout, stderr } = await runChild({
      program,
      args: ["--version"],
      environment: this.#variables,
      signal: this.#context.signal,
    });
    return (stdout === "" ? stderr : stdout).split("\n")[0]?.trim() ?? "";
  }
}

/** Its own cache, large enough for each architecture of two lines: a kernel takes 1.6 GB. */
function ccacheVariables(folder: string): Readonly<Record<string, string>> {
  return { CCACHE_DIR: folder, CCACHE_DEPEND: "1", CCACHE_MAXSIZE: "10G" };
}

/** As `date` prints it: `Sat Nov 14 12:56:01 UTC 2026`. */
function buildTimestamp(epochSeconds: number): string {
  const [weekday, day, month, year, time] = new Date(epochSeconds * 1000)
    .toUTCString()
    .replace(",", "")
    .split(" ");
  return `${weekday} ${month} ${Number(day)} ${time} UTC ${year}`;
}

/** With several threads the type information that pahole writes differs from run to run. */
const singleThreadedPahole = `#!/bin/bash
args=()
for arg in "$@"; do
  [[ $arg == -j* ]] || args+=("$arg")
done
exec pahole "\${args[@]}"
`;
