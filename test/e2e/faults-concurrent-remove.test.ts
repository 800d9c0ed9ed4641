/** Fault 27: kernels that are removed while others pull or read them. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { callOf, stopAfterCall, treeSynced } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const pull = ["kernel", "pull", kernelName];
const remove = ["kernel", "rm", "--yes", kernelName];

test("row 27: pull against rm ends with a whole kernel or none, and each gets a clear answer", async () => {
  await using sandbox = new KernelSandbox();
  sandbox.offer(older);
  await sandbox.must(...pull);
  const putBack = sandbox.keepState();
  const rounds = 24;
  for (let round = 0; round < rounds; round += 1) {
    putBack();
    sandbox.offer(round % 2 === 0 ? newer : older); // half of the pulls find it up to date
    const pulling = sandbox.start(pull);
    await pause((round * 11) % 60);
    const removing = sandbox.start(remove);
    const [pulled, removed] = await Promise.all([pulling.done, removing.done]);
    expect({ exit: pulled.exitCode, stderr: pulled.stderr }).toMatchObject({ exit: 0 });
    if (removed.exitCode === 6) expect(removed.stderr).toContain("generic-6.12 is being used by");
    else if (removed.exitCode === 3) expect(removed.stderr).toContain("is not installed");
    else expect({ exit: removed.exitCode, stderr: removed.stderr }).toMatchObject({ exit: 0 });
    const { current, previous } = sandbox.installed();
    expect(["none", older, newer]).toContain(current ?? "none");
    expect(["none", older]).toContain(previous ?? "none");
    expect(sandbox.leftovers()).toEqual([]);
    await sandbox.must("kernel", "verify");
  }
  const done = `pull against rm, ${rounds} times`;
  recordFault({ row: 27, done, exit: 0, code: "-", store: "as wanted" });
}, 60_000);

testUnless(
  straceObstacle(),
  "row 27: a pull and an rm that meet in the middle both do their work, one after the other",
  async () => {
    await using sandbox = new KernelSandbox();
    sandbox.offer(older);
    await sandbox.must(...pull);
    const putBack = sandbox.keepState();
    const unlinked = await callOf(sandbox, remove, /^rename .*\/\.trash\//);
    putBack();
    sandbox.offer(newer);
    const staged = await callOf(sandbox, pull, treeSynced);

    putBack();
    const removing = await stopAfterCall(sandbox, remove, unlinked);
    const pulling = sandbox.start(pull);
    await pause(300);
    expect(pulling.ended).toBe(false);
    expect((await removing.resume()).result.exitCode).toBe(0);
    expect(await pulling.done).toMatchObject({ exitCode: 0 });
    expect(sandbox.inventory()).toEqual(only(newer));

    putBack();
    const held = await stopAfterCall(sandbox, pull, staged);
    await sandbox.must(...remove);
    expect(sandbox.installed()).toEqual({});
    expect((await held.resume()).result.exitCode).toBe(0);
    expect(sandbox.inventory()).toEqual(only(newer));
    const done = "pull and rm, each stopped in the middle while the other runs";
    recordFault({ row: 27, done, exit: 0, code: "-", store: "as wanted" });
  },
  60_000,
);

testUnless(
  straceObstacle(),
  "row 27: a kernel that is being read is not removed, and rm says so",
  async () => {
    await using sandbox = new KernelSandbox();
    sandbox.offer(older);
    await sandbox.must(...pull);
    const before = sandbox.snapshot();
    const verify = ["kernel", "verify"];
    const reading = await callOf(sandbox, verify, /^openat .*\/vmlinux"/);
    const held = await stopAfterCall(sandbox, verify, reading);
    const result = await sandbox.banger([...remove, "--json"]);
    expect(result.exitCode).toBe(6);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: "busy" } });
    expect(sandbox.snapshot()).toEqual(before);
    expect((await held.resume()).result.exitCode).toBe(0);
    await sandbox.must(...remove);
    expect(sandbox.installed()).toEqual({});
    const done = "rm of a kernel that is being read";
    recordFault({ row: 27, done, exit: 6, code: "busy", store: "same" });
  },
  30_000,
);

testUnless(
  straceObstacle(),
  "row 27: of two who remove an image at once, one has removed it and the other finds none",
  async () => {
    await using sandbox = new KernelSandbox();
    sandbox.offer(older);
    await sandbox.must(...pull);
    spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
    const image = ["--name", "web", "--rootfs", "rootfs.ext4", "--kernel-ref", kernelName];
    await sandbox.must("image", "register", ...image);
    const putBack = sandbox.keepState();
    const forget = ["image", "rm", "--yes", "web"];
    const beforeLock = await callOf(sandbox, forget, /^openat .*\/kernels\/\.lock"/);
    putBack();
    const first = await stopAfterCall(sandbox, forget, beforeLock);
    await sandbox.must(...forget);
    const { result } = await first.resume();
    expect(result.stderr).toContain("there is no image web");
    expect(result.exitCode).toBe(3);
    const done = "two image rm at once";
    recordFault({ row: 27, done, exit: 3, code: "not-found", store: "as wanted" });
  },
  30_000,
);

function only(version: string): ReturnType<KernelSandbox["inventory"]> {
  return { links: { current: version }, unlinkedTrees: [], leftovers: [] };
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}
