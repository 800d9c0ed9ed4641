/** What a bundle that must be refused meets: a kernel of the same name that is installed and good. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../src/core/errors.ts";
import { runChild } from "./child.ts";
import { recordFault } from "./fault-table.ts";
import {
  assertNoBugShown,
  bangerExecutable,
  type BundleEntry,
  type BundleOptions,
  type ChildResult,
  type RunOptions,
  Sandbox,
  smallKernel,
} from "./sandbox.ts";
import { type Snapshot, snapshotOf } from "./snapshot.ts";
import { concat, tarDirectory, tarEnd, tarFile, tarSymlink } from "./tar-builder.ts";

/** How a fault is shown, and what must be said of it. */
export interface Fault {
  /** What was done, so that "is refused" can follow. */
  readonly name: string;
  /** Part of the message: the cause. */
  readonly says: string;
  /** Default `unsafe-archive`. */
  readonly code?: ErrorCode;
  /** Default 4. */
  readonly exit?: number;
}

/** A fault and how it is made: the tar of the bundle, or the bundle. */
export interface BundleFault extends Fault {
  readonly make: (machine: PullMachine) => Uint8Array | BundleOptions;
}

const kernelName = "generic-6.12";
const newKernel = smallKernel({ sizeBytes: 8192, seed: "new" });

/** A tar in which all is right but what the parts bring: `vmlinux` and `modules/` come before them. */
export function bundleTar(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(tarFile("vmlinux", newKernel), tarDirectory("modules"), ...parts, tarEnd());
}

/**
 * A {@link Sandbox} with an older build of generic-6.12 installed out of catalog 1.
 *
 * @example
 * await using machine = await PullMachine.start();
 * machine.offer({ tar: bundleTar(tarFile("../x", "")) });
 * await machine.expectRefusal({ row: 1, name: "an entry named ../x", says: "\"..\" in it" });
 */
export class PullMachine extends Sandbox {
  /** A file outside of the state folder that a hostile archive may aim at. */
  readonly canary: string;
  #serial = 1;

  private constructor() {
    super();
    this.canary = join(this.work, "canary");
    writeFileSync(this.canary, "untouched\n");
    // Where the entry's URL leads, nobody listens; that shall not take long.
    this.setEnv("BANGER_HTTP_RETRIES", "0");
    this.useMirrors();
  }

  static async start(): Promise<PullMachine> {
    const machine = new PullMachine();
    first ??= PullMachine.#install();
    machine.becomeLike(await first);
    return machine;
  }

  static async #install(): Promise<PullMachine> {
    const machine = new PullMachine();
    const tar = concat(
      tarFile("vmlinux", smallKernel({ version: "6.12.0", sizeBytes: 8192 })),
      tarDirectory("modules"),
      tarFile("modules/a.ko", "a module"),
      tarSymlink("modules/b.ko", "a.ko"),
      tarEnd(),
    );
    machine.writeCatalog([machine.bundle({ version: "6.12.0", tar })]);
    const { exitCode, stderr } = await machine.banger(["kernel", "pull", kernelName]);
    if (exitCode !== 0) throw new Error(`the older kernel cannot be installed: ${stderr}`);
    return machine;
  }

  /** Folder of the kernel that is current. */
  get kernel(): string {
    return join(this.state, "kernels", kernelName);
  }

  /** Makes a bundle, and the next catalog, which has it as generic-6.12. */
  offer(options: BundleOptions): BundleEntry {
    const entry = this.bundle({ baseUrl: "https://127.0.0.1:1", ...options });
    this.#serial += 1;
    this.writeCatalog([entry], { serial: this.#serial });
    return entry;
  }

  pull(options: RunOptions = {}): Promise<ChildResult> {
    return this.banger(["kernel", "pull", kernelName, "--json"], options);
  }

  /** Pulls in a shell that did something first, such as `umask 077`. */
  pullAfter(preparation: string): Promise<ChildResult> {
    const args = ["kernel", "pull", kernelName, "--json"];
    return runChild({
      file: "/bin/bash",
      args: ["-c", `${preparation}; exec "$@"`, "bash", bangerExecutable(), ...args],
      env: this.environment,
      cwd: this.work,
      check: (result) => assertNoBugShown(args, result),
    });
  }

  /** Pulls what was offered: it must be refused, and nothing must come of it. */
  async expectRefusal(
    fault: Fault & { readonly row: number },
    pull = (): Promise<ChildResult> => this.pull(),
  ): Promise<void> {
    const { code = "unsafe-archive", exit = 4 } = fault;
    const [before, outsideBefore] = [this.#store(), this.#outside()];

    const result = await pull();
    expect(JSON.parse(result.stdout)).toEqual({
      error: expect.objectContaining({ code, message: expect.stringContaining(fault.says) }),
    });
    expect(result.exitCode).toBe(exit);
    expect(result.stderr).toContain(fault.says);
    expect(this.#store()).toEqual(before);

    const next = await this.banger(["kernel", "verify", kernelName]);
    expect(next.exitCode).toBe(0);
    expect(this.#store()).toEqual(before);
    expect(this.#outside()).toEqual(outsideBefore);
    recordFault({
      row: fault.row,
      done: fault.name,
      exit: result.exitCode ?? -1,
      code,
      store: "same",
    });
  }

  /** Pulls what was offered, which must be installed, and hold nothing that `kernel verify` minds. */
  async expectInstalled(
    row: number,
    name: string,
    pull = (): Promise<ChildResult> => this.pull(),
  ): Promise<void> {
    const outside = this.#outside();
    const result = await pull();
    expect(result.stderr).not.toMatch(/^banger: error/m);
    expect(result.exitCode).toBe(0);
    const next = await this.banger(["kernel", "verify", kernelName]);
    expect(next.exitCode).toBe(0);
    expect(this.#outside()).toEqual(outside);
    recordFault({ row, done: name, exit: 0, code: "-", store: "as wanted" });
  }

  #store(): Snapshot {
    return this.snapshot({ withoutLocksAndParts: true });
  }

  #outside(): Snapshot {
    return snapshotOf(this.folder, { leaveOut: /^state(?:\/|$)/ });
  }
}

/** Where the older kernel was installed; all others are copies. */
let first: Promise<PullMachine> | undefined;
afterAll(async () => (await first)?.dispose());

/** One test for each fault of a row: that it is refused with exit 4, and that nothing comes of it. */
export function testRefusals(row: number, faults: readonly BundleFault[]): void {
  for (const fault of faults) {
    test.concurrent(`row ${row}: ${fault.name} is refused`, async () => {
      await using machine = await PullMachine.start();
      const made = fault.make(machine);
      machine.offer(made instanceof Uint8Array ? { tar: made } : made);
      await machine.expectRefusal({ row, ...fault });
    });
  }
}
