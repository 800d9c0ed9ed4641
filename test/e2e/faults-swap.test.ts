/** Fault 23: something of the same user swaps folders in staging for links during the extraction. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { RunningChild } from "../support/child.ts";
import { recordFault } from "../support/fault-table.ts";
import { bundleFilesOf, KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { callOf, stopAfterCall, treeSynced } from "../support/main-thread.ts";
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
    // What the archive puts into its folders could land here: they are there, and empty.
    mkdirSync(join(machine.outside, "modules", newer), { recursive: true });
    mkdirSync(join(machine.outside, "empty"));
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

  /**
   * The pull has failed: the older build is there as before, and the next pull does what it should.
   *
   * @returns the error code
   */
  async expectFailedAndHealed(result: ChildResult): Promise<string> {
    this.expectOutsideUntouched();
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/banger: error: cannot pull /);
    const code = /"code": "([^"]*)"/.exec(result.stdout)?.[1] ?? "none";
    expect(["io", "bad-state"]).toContain(code);
    expect(this.installed()).toEqual({ current: older });
    expect(this.#tree()).toEqual(this.#kernelBefore);
    await this.must("kernel", "list");
    await this.must("kernel", "verify");
    expect(this.leftovers()).toEqual([]);
    await this.must(...pull);
    expect(this.installed()).toEqual({ current: newer, previous: older });
    this.expectOutsideUntouched();
    return code;
  }

  /** Puts a link to the outside where a folder of the staged tree is, or a file of it will be. */
  swap(path: string, target: string): void {
    const staging = join(this.state, "kernels/.staging");
    const [tree = ""] = readdirSync(staging);
    const place = join(staging, tree, path);
    if (existsSync(place)) renameSync(place, join(this.folder, "aside"));
    symlinkSync(join(this.outside, target), place);
  }

  #tree(): Snapshot {
    return snapshotOf(join(this.state, "kernels", kernelName, "."));
  }
}

/** Where the pull is held, what is swapped while it is, and where outside the link leads. */
const swaps: readonly {
  readonly name: string;
  readonly path: string;
  readonly target: string;
  /** The call that it is held after. */
  readonly call: RegExp;
}[] = [
  {
    name: "a folder right after it was made",
    path: "modules",
    target: "empty",
    call: /^mkdir .*\/modules"/,
  },
  {
    name: "a folder within a folder",
    path: `modules/${newer}`,
    target: "empty",
    call: /^mkdir .*\/6\.12\.2"/,
  },
  {
    name: "a folder that is come back to",
    path: "modules",
    target: "modules",
    call: /^fsync .*\/vmlinux>/,
  },
  {
    name: "a folder before it is made durable",
    path: `modules/${newer}/kernel`,
    target: "empty",
    call: /^fsync .*\/manifest\.json>/,
  },
  {
    name: "a file that is about to be written",
    path: "vmlinux",
    target: "new",
    call: /^mkdir .*\/\.staging\/[0-9a-f]+"/,
  },
  {
    name: "the manifest that is about to be written",
    path: "manifest.json",
    target: "new",
    call: /^write .*\/vmlinux>/,
  },
  {
    name: "the staged tree itself, right after it was made",
    path: "",
    target: "empty",
    call: /^mkdir .*\/\.staging\/[0-9a-f]+"/,
  },
  {
    name: "the staged tree itself, before it is published",
    path: "",
    target: "empty",
    call: treeSynced,
  },
  {
    name: "the staged tree itself, in the moment of its publication",
    path: "",
    target: "empty",
    call: /^mkdir .*\/kernels\/\.previous"/,
  },
];

for (const { name, path, target, call } of swaps) {
  testUnless(
    straceObstacle(),
    `row 23: a link in place of ${name} leads no write outside`,
    async () => {
      await using machine = await Machine.start();
      const putBack = machine.keepState();
      const held = await callOf(machine, pull, call);
      putBack();
      const run = await stopAfterCall(machine, [...pull, "--json"], held);
      machine.swap(path, target);
      const { result } = await run.resume();
      const code = await machine.expectFailedAndHealed(result);
      recordFault({
        row: 23,
        done: `link in place of ${name}`,
        exit: 1,
        code,
        store: "same",
      });
    },
    30_000,
  );
}

/** Swaps all that is staged for links to the outside and back, as fast as it can, until it is killed. */
const swapper = `
const { lstatSync, readdirSync, renameSync, rmSync, symlinkSync } = require("node:fs");
const [staging, outside] = process.argv.slice(-2);
const list = (folder) => { try { return readdirSync(folder); } catch { return []; } };
function swap(folder) {
  try {
    if (!lstatSync(folder).isDirectory()) return;
    renameSync(folder, folder + ".aside");
    symlinkSync(outside, folder);
    process.stdout.write(".");
    for (const end = performance.now() + 0.3; performance.now() < end; );
    rmSync(folder);
    renameSync(folder + ".aside", folder);
  } catch {} // what we attack was faster
}
for (;;) {
  for (const tree of list(staging).filter((name) => !name.includes("."))) {
    const modules = staging + "/" + tree + "/modules";
    const release = list(modules).map((name) => modules + "/" + name);
    // Mostly one of many, so that a pull is hit now and then, and at every stage.
    const inner = release.flatMap((folder) => list(folder).map((name) => folder + "/" + name));
    const folders = Math.random() < 0.1 ? [...release, modules] : inner;
    if (folders.length > 0) swap(folders[Math.floor(Math.random() * folders.length)]);
  }
}`;

const manyFolders = (version: string): BundleFiles => ({
  ...bundleFilesOf(version),
  ...Object.fromEntries(
    Array.from({ length: 240 }, (_, index) => [
      `modules/${version}/d${index % 60}/m${index}.ko`,
      `module ${index}`,
    ]),
  ),
});

test.concurrent("row 23: a program that swaps folders for links all the time leads no write outside", async () => {
  await using machine = await Machine.start(manyFolders);
  const staging = join(machine.state, "kernels/.staging");
  const attacker = new RunningChild({
    file: process.execPath,
    args: ["-e", swapper, staging, join(machine.outside, "empty")],
    env: { PATH: "/usr/bin:/bin", HOME: machine.home },
  });
  const exits: (number | null)[] = [];
  try {
    while (exits.length < 100 && (exits.length < 10 || attacker.stdout.length < 50)) {
      const result = await machine.banger([...pull, "--force"]);
      exits.push(result.exitCode);
      machine.expectOutsideUntouched();
      if (result.exitCode !== 0) expect(result.stderr).toMatch(/error: cannot /);
    }
  } finally {
    attacker.killGroup();
    await Promise.allSettled([attacker.done]);
  }
  expect(attacker.stdout.length).toBeGreaterThanOrEqual(50);
  expect(exits).toContain(1);
  await machine.must("kernel", "list");
  await machine.must(...pull, "--force");
  await machine.must("kernel", "verify");
  expect(machine.leftovers()).toEqual([]);
  machine.expectOutsideUntouched();
  const done = `${attacker.stdout.length} swaps during ${exits.length} pulls`;
  recordFault({ row: 23, done, exit: 1, code: "io", store: "same" });
}, 120_000);
