/** Fault 23: something of the same user swaps folders in staging for links during the extraction. */
import { expect } from "bun:test";
import { mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { RunningChild } from "../support/child.ts";
import { recordFault } from "../support/fault-table.ts";
import { bundleFilesOf, KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { bangerOnMainThread, type CallPoint, stopAfterCall } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import type { BundleFiles, ChildResult } from "../support/sandbox.ts";
import { type Snapshot, snapshotOf } from "../support/snapshot.ts";

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const pull = ["kernel", "pull", kernelName];

/** A machine with the older build installed, and a folder outside of its store that must not change. */
class Machine extends KernelSandbox {
  readonly outside: string = join(this.folder, "outside");
  #outsideBefore: Snapshot = {};
  #kernelBefore: Snapshot = {};

  static async start(filesOf = bundleFilesOf): Promise<Machine> {
    const machine = new Machine({ filesOf });
    // What the archive puts into its folders could land here, or replace what is here.
    mkdirSync(join(machine.outside, newer, "kernel"), { recursive: true });
    mkdirSync(join(machine.outside, "kernel"));
    mkdirSync(join(machine.outside, "modules", newer, "kernel"), { recursive: true });
    machine.#outsideBefore = snapshotOf(machine.outside);
    machine.offer(older);
    await machine.must(...pull);
    machine.#kernelBefore = machine.#tree();
    machine.offer(newer);
    return machine;
  }

  expectOutsideUntouched(): void {
    expect(snapshotOf(this.outside)).toEqual(this.#outsideBefore);
  }

  /** The pull has failed: the older build is there as before, and the next pull does what it should. */
  async expectFailedAndHealed(result: ChildResult): Promise<void> {
    this.expectOutsideUntouched();
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/banger: error: cannot pull /);
    expect(this.installed()).toEqual({ current: older });
    expect(this.#tree()).toEqual(this.#kernelBefore);
    await this.must("kernel", "list");
    await this.must("kernel", "verify");
    expect(this.leftovers()).toEqual([]);
    await this.must(...pull);
    expect(this.installed()).toEqual({ current: newer, previous: older });
    this.expectOutsideUntouched();
  }

  /** Swaps a folder of the tree that is being staged for a link to the outside. */
  swap(path: string): void {
    const staging = join(this.state, "kernels/.staging");
    const [tree = ""] = readdirSync(staging);
    const folder = join(staging, tree, path);
    renameSync(folder, join(this.folder, "aside"));
    symlinkSync(join(this.outside, ...(path === "" ? [] : path.split("/").slice(1))), folder);
  }

  #tree(): Snapshot {
    return snapshotOf(join(this.state, "kernels", kernelName, "."));
  }
}

/** Where the pull is held, and what is swapped while it is. */
const swaps: readonly {
  readonly name: string;
  readonly path: string;
  readonly heldAfter: (call: CallPoint) => boolean;
}[] = [
  {
    name: "a folder right after it was made",
    path: "modules",
    heldAfter: ({ syscall, text }) => syscall === "mkdir" && text.includes('/modules"'),
  },
  {
    name: "a folder within a folder",
    path: `modules/${newer}`,
    heldAfter: ({ syscall, text }) => syscall === "mkdir" && text.includes(`/${newer}"`),
  },
  {
    name: "a folder after a file was written into it",
    path: `modules/${newer}/kernel`,
    heldAfter: ({ syscall, text }) => syscall === "fsync" && text.includes("/first.ko>"),
  },
  {
    name: "a folder before it is made durable",
    path: `modules/${newer}/kernel`,
    heldAfter: ({ syscall, text }) => syscall === "fsync" && text.includes("/manifest.json>"),
  },
  {
    name: "the staged tree itself, right after it was made",
    path: "",
    heldAfter: ({ syscall, text }) => syscall === "mkdir" && /\/\.staging\/[0-9a-f]+"/.test(text),
  },
  {
    name: "the staged tree itself, before it is published",
    path: "",
    heldAfter: ({ syscall, text }) => syscall === "fsync" && /\/\.staging\/[0-9a-f]+>/.test(text),
  },
];

for (const { name, path, heldAfter } of swaps) {
  testUnless(
    straceObstacle(),
    `row 23: a link in place of ${name} leads no write outside`,
    async () => {
      await using machine = await Machine.start();
      const putBack = machine.keepState();
      const { calls } = await bangerOnMainThread(machine, pull);
      const held = calls
        .map(({ syscall, ordinal, text }) => ({ syscall, when: ordinal, text }))
        .find((call) => heldAfter(call));
      if (held === undefined) throw new Error("there is no such call in a pull");
      putBack();

      const run = await stopAfterCall(machine, pull, held);
      machine.swap(path);
      const { result } = await run.resume();
      await machine.expectFailedAndHealed(result);
      recordFault({
        row: 23,
        done: `link in place of ${name}`,
        exit: 1,
        code: "io",
        store: "same",
      });
    },
    30_000,
  );
}
