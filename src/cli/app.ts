import type { Command } from "commander";
import { parseArch, type Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import { isKernelVersion, type KernelVersion } from "../core/kernel-version.ts";
import { parseReference, type Reference } from "../core/reference.ts";
import type { Context } from "../ops/context.ts";
import type { Output } from "./output.ts";

/** What a command hands back to be shown: one document for programs, one text for people. */
export interface Shown {
  /** The document of `--json`; its keys are fixed in docs/formats/cli.md. */
  readonly json: unknown;
  readonly text: string;
  /** 0 unless the command answers a question (7), or some of several names failed. */
  readonly exitCode?: number | undefined;
}

/** What every command gets: the world to act on, and the place to write to. */
export interface App {
  readonly context: Context;
  readonly output: Output;
}

/** Wraps the work of a command for commander; the app exists only once the flags are known. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the flags of its command
export type Run = <Options extends object>(
  work: (app: App, names: readonly string[], options: Options) => Promise<Shown> | Shown,
) => (this: Command) => Promise<void>;

/** A reference as typed, with `--arch` or this machine's architecture. @throws `usage` */
export function referenceOf(app: App, text: string, arch: string | undefined): Reference {
  const { hostArch } = app.context.environment;
  const reference = parseReference(text, archOf(arch) ?? hostArch);
  if (arch !== undefined && reference.arch !== archOf(arch)) {
    throw new BangerError("usage", `${text} and --arch ${arch} name two architectures`);
  }
  return reference;
}

/** A reference to an entry, which has one build at a time. @throws {BangerError} `usage` */
export function entryReferenceOf(app: App, text: string, arch: string | undefined): Reference {
  const reference = referenceOf(app, text, arch);
  if (reference.catalog !== undefined) {
    throw new BangerError("usage", `${text} names a catalog, NAME[:ARCH] is wanted`, {
      hint: "which catalog is told by --catalog",
    });
  }
  if (reference.build === undefined) return reference;
  throw new BangerError("usage", `${text} names a build, NAME[:ARCH] is wanted`, {
    hint: `an entry has one build: ${reference.name}:${reference.arch}`,
  });
}

/** The architecture that `--arch` names. @throws {BangerError} `usage` */
export function archOf(text: string | undefined): Arch | undefined {
  if (text === undefined) return undefined;
  const arch = parseArch(text);
  if (arch !== undefined) return arch;
  throw new BangerError("usage", `${JSON.stringify(text)} is not an architecture`, {
    hint: "banger knows x86_64 (amd64) and arm64 (aarch64)",
  });
}

/** The version that a flag names. @throws {BangerError} `usage` */
export function kernelVersionOf(text: string): KernelVersion {
  if (isKernelVersion(text)) return text;
  throw new BangerError("usage", `${JSON.stringify(text)} is not a kernel version`, {
    hint: "a version is like 6.12.117 or 6.12.117-1-amd64",
  });
}

/** A path as typed. An empty one would mean the current folder, which nobody means. @throws `usage` */
export function pathOf(text: string, what: string): string {
  if (text !== "") return text;
  throw new BangerError("usage", `${what} is empty`);
}

/** A whole number from a flag. @throws {BangerError} `usage` */
export function wholeNumber(text: string, flag: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new BangerError("usage", `${flag} wants a whole number, not ${JSON.stringify(text)}`);
}

/** The error document of `--json`. */
export function errorDocument(error: BangerError): {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
} {
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}
