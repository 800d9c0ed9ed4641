import type { Arch } from "../core/arch.ts";
import type { Variables } from "../io/environment.ts";

/** A device that a machine may lack. */
export type Device = "disk" | "network" | "entropy";

/** What runs a guest. */
export interface Vmm {
  readonly name: "qemu" | "firecracker";
  /** The program, as it is looked up on the PATH. */
  readonly program: string;
  /** What it is to imitate, or is. */
  readonly machine: "microvm" | "virt" | "firecracker";
  readonly accelerator: "kvm" | "tcg";
}

/** A file for the machine, by its path or by an open descriptor. */
export type MachineFile = string | { readonly descriptor: number };

/** What to start. */
export interface MachineInput {
  readonly arch: Arch;
  /** The kernel image. */
  readonly kernel: MachineFile;
  readonly disk: MachineFile;
  readonly diskIsReadOnly: boolean;
  readonly initrd: MachineFile | undefined;
  /** Without what the machine itself needs there. */
  readonly bootArgs: readonly string[];
  readonly memoryMib: number;
  readonly without: ReadonlySet<Device>;
}

/** A command that runs a machine until its guest ends it. */
export interface MachineCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Become descriptors 3, 4, … of the program. */
  readonly descriptors: readonly number[];
}

export interface MachineOptions {
  readonly variables: Variables;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Give up when there is nothing on the console for so long. Undefined: as long as the time-out. */
  readonly silenceMs: number | undefined;
  /** Ends the machine some seconds after it is true of lines that are new on the console. */
  readonly isEnough?: ((lines: string) => boolean) | undefined;
}

/** Collects the descriptors of a command, and gives the path by which the program finds each. */
export class Descriptors {
  readonly all: number[] = [];

  pathOf(file: MachineFile): string {
    if (typeof file === "string") return file;
    this.all.push(file.descriptor);
    return `/proc/self/fd/${this.all.length + 2}`;
  }
}
