/** Fault 27: kernels that are read while others remove or replace them. */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { callOf, stopAfterCall } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";

const version = "6.12.1";
const pull = ["kernel", "pull", kernelName];
const remove = ["kernel", "rm", "--yes", kernelName];

/** A machine with the kernel installed. */
async function machine(): Promise<KernelSandbox> {
  const sandbox = new KernelSandbox();
  sandbox.offer(version);
  await sandbox.must(...pull);
  return sandbox;
}

function treeOf(sandbox: KernelSandbox): string {
  return realpathSync(join(sandbox.state, "kernels", kernelName));
}

testUnless(
  straceObstacle(),
  "row 27: from when rm begins to remove a kernel until it is gone, nobody can begin to read it",
  async () => {
    await using sandbox = await machine();
    const putBack = sandbox.keepState();
    const unlinked = await callOf(sandbox, remove, /^unlink .*\/kernels\/generic-6\.12"/);
    putBack();
    const tree = treeOf(sandbox);
    const verify = ["kernel", "verify", kernelName];
    const found = await callOf(
      sandbox,
      verify,
      /^readlink .*\/kernels\/generic-6\.12"/,
      "readlink",
    );

    const verifying = await stopAfterCall(sandbox, verify, found);
    const removing = await stopAfterCall(sandbox, remove, unlinked);
    expect(spawnSync("/usr/bin/flock", ["-sn", tree, "true"]).status).toBe(1);
    const { result } = await verifying.resume();
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toContain("is being removed or replaced at this moment");
    expect((await removing.resume()).result.exitCode).toBe(0);
    expect(sandbox.inventory()).toEqual({ links: {}, unlinkedTrees: [], leftovers: [] });
    const done = "verify of a kernel that is being removed";
    recordFault({ row: 27, done, exit: 6, code: "busy", store: "as wanted" });
  },
  30_000,
);

testUnless(
  straceObstacle(),
  "row 27: a kernel that is replaced while it is read stays until it was read, and gc removes it",
  async () => {
    await using sandbox = await machine();
    const verify = ["kernel", "verify", kernelName];
    const reading = await callOf(sandbox, verify, /^openat .*\/vmlinux"/);
    const verifying = await stopAfterCall(sandbox, verify, reading);
    const tree = treeOf(sandbox);
    await sandbox.must(...pull, "--force");
    expect(treeOf(sandbox)).not.toBe(tree);
    expect((await verifying.resume()).result).toMatchObject({ exitCode: 0 });
    expect(sandbox.installed()).toEqual({ current: version });
    expect(sandbox.unlinkedTrees()).toHaveLength(1);
    await sandbox.must("kernel", "gc");
    expect(sandbox.inventory()).toEqual({
      links: { current: version },
      unlinkedTrees: [],
      leftovers: [],
    });
    const done = "pull --force of a kernel that is being read";
    recordFault({ row: 27, done, exit: 0, code: "-", store: "as wanted" });
  },
  30_000,
);

testUnless(
  straceObstacle(),
  "row 27: a list that meets a removal or a replacement calls no kernel damaged, and one that is damaged so",
  async () => {
    await using sandbox = await machine();
    const putBack = sandbox.keepState();
    const list = ["kernel", "list", "--json"];
    const link = /^readlink .*\/kernels\/generic-6\.12"/;
    const found = await callOf(sandbox, list, link, "readlink");
    const first = { ...found, when: found.when - 1 };
    const listedAfter = async (work: () => Promise<unknown> | void): Promise<unknown> => {
      putBack();
      const listing = await stopAfterCall(sandbox, list, first);
      await work();
      const { result } = await listing.resume();
      expect(result.exitCode).toBe(0);
      return JSON.parse(result.stdout);
    };
    expect(await listedAfter(() => sandbox.must(...remove))).toMatchObject({ kernels: [] });
    expect(await listedAfter(() => sandbox.must(...pull, "--force"))).toMatchObject({
      kernels: [{ standing: "current" }],
    });
    const spoil = (): void => {
      writeFileSync(join(treeOf(sandbox), "manifest.json"), "");
    };
    expect(await listedAfter(spoil)).toMatchObject({ kernels: [{ standing: "damaged" }] });
    const done = "list while a kernel is removed or replaced";
    recordFault({ row: 27, done, exit: 0, code: "-", store: "as wanted" });
  },
  30_000,
);
