/**
 * Fault 24: a disk that is full, or that fails, at any moment of a pull. What a full disk says differs in
 * words only, so EIO is tried at every second call and the others at fewer; `make injections` tries all.
 */
import { expect } from "bun:test";
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { errorOf, failAt, failures, storeOf } from "../support/call-faults.ts";
import { recordFault } from "../support/fault-table.ts";
import { HttpServer, serve } from "../support/http-server.ts";
import { KernelSandbox, kernelName, manyFilesOf } from "../support/kernel-state.ts";
import { LoopDevice } from "../support/loop-device.ts";
import {
  bangerOnMainThread,
  changesBelow,
  closingsInStaging,
  oneIn,
} from "../support/main-thread.ts";
import { mountObstacle, straceObstacle, testUnless } from "../support/obstacles.ts";
import { type BundleFiles, randomBytesOf, smallKernel } from "../support/sandbox.ts";
import type { Snapshot } from "../support/snapshot.ts";

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const pull = ["kernel", "pull", kernelName, "--json"];

for (const failure of failures) {
  const every = failure.errno === "EIO" ? 2 : 4;
  testUnless(
    straceObstacle(),
    `row 24: ${failure.errno} at calls of a pull that upgrades leaves the old kernel as it was`,
    async () => {
      await using sandbox = await machineWithOlder();
      const putBack = sandbox.keepState();
      const whole = await bangerOnMainThread(sandbox, pull);
      expect(whole.result.exitCode).toBe(0);
      const all = [...changesBelow(whole.calls, sandbox.state), ...closingsInStaging(whole.calls)];
      const points = oneIn(every, all);
      const names = new Set(all.map((point) => point.syscall));
      for (const name of ["write", "fsync", "rename", "mkdir", "symlink", "openat", "close"]) {
        expect(names).toContain(name);
      }

      const problems: string[] = [];
      for (const point of points) {
        for (const problem of await failAt(sandbox, pull, point, failure, putBack)) {
          const where = `${point.syscall}(${point.text.replaceAll(sandbox.state, "$STATE")}`;
          problems.push(`${failure.errno} at call ${point.when} of ${where}: ${problem}`);
        }
      }
      expect(problems).toEqual([]);
      const { errno, code } = failure;
      const done = `${errno} at ${points.length} of ${all.length} calls of a pull that upgrades`;
      recordFault({ row: 24, done, exit: 1, code, store: "same" });
    },
    400_000,
  );
}

testUnless(
  straceObstacle(),
  "row 24: a failed syncfs, which stands for the fsync of many files, is not passed over",
  async () => {
    await using sandbox = await machineWithOlder(manyFilesOf);
    const before = storeOf(sandbox);
    for (const { errno } of failures) {
      const rules = [`syncfs:error=${errno}`];
      const { result, calls } = await bangerOnMainThread(sandbox, pull, rules);
      expect(calls.filter((call) => call.injected)).toHaveLength(1);
      expect(result.exitCode).toBe(1);
      const { code, message } = errorOf(result);
      expect(["io", "no-space"]).toContain(code);
      expect(message).toContain("durable");
      await expectOldKernel(sandbox, before);
      recordFault({ row: 24, done: `${errno} of syncfs`, exit: 1, code, store: "same" });
    }
    await sandbox.must(...pull);
    expect(sandbox.installed()).toEqual({ current: newer, previous: older });
  },
  60_000,
);

/** A kernel of 3 MB that does not compress: tarball and tree need 6 MB. */
const bigFiles = (version: string): BundleFiles => ({
  vmlinux: smallKernel({ version, sizeBytes: version === older ? 8192 : 1_500_000 }),
  "initrd.img": version === older ? "small" : randomBytesOf(version, 1_500_000),
});

testUnless(
  mountObstacle(),
  "row 24: a disk that is too small is found out before anything is downloaded",
  async () => {
    using device = LoopDevice.create("ext4", { sizeMib: 6 });
    await using server = await HttpServer.start();
    await using sandbox = await machineWithOlder(bigFiles, join(device.folder, "state"));
    sandbox.useMirrors(server.url);
    const before = storeOf(sandbox);
    const result = await sandbox.banger(pull);
    const { code, message } = errorOf(result);
    expect({ exit: result.exitCode, code }).toEqual({ exit: 1, code: "no-space" });
    expect(message).toMatch(/has \d+ bytes free, \d+ are needed/);
    expect(server.requests).toEqual([]);
    await expectOldKernel(sandbox, before);
    recordFault({ row: 24, done: "a disk that is too small", exit: 1, code, store: "same" });
  },
  60_000,
);

for (const { when, leftBytes } of [
  { when: "download", leftBytes: 1_000_000 },
  { when: "unpacking", leftBytes: 4_000_000 },
]) {
  testUnless(
    mountObstacle(),
    `row 24: a disk that another program fills up during the ${when} leaves the old kernel as it was`,
    async () => {
      using device = LoopDevice.create("ext4", { sizeMib: 32 });
      await using server = await HttpServer.start();
      await using sandbox = await machineWithOlder(bigFiles, join(device.folder, "state"));
      const tarball = sandbox.bundlePath(sandbox.offer(newer));
      const ballast = join(device.folder, "ballast");
      const answer = serve(readFileSync(tarball));
      const fillAndAnswer: typeof answer = (request) => {
        fill(ballast, leftBytes); // by now banger has looked how much is free
        return answer(request);
      };
      server.on(`/${basename(tarball)}`, fillAndAnswer, answer);
      sandbox.useMirrors(server.url);
      const before = storeOf(sandbox);

      const result = await sandbox.banger(pull);
      const { code, message } = errorOf(result);
      expect({ exit: result.exitCode, code }).toEqual({ exit: 1, code: "no-space" });
      expect(message).toContain(when === "download" ? ".part: the disk is full" : "/.staging/");
      await expectOldKernel(sandbox, before);

      rmSync(ballast);
      await sandbox.must(...pull);
      expect(sandbox.installed()).toEqual({ current: newer, previous: older });
      const done = `a disk that fills up during the ${when}`;
      recordFault({ row: 24, done, exit: 1, code, store: "same" });
    },
    60_000,
  );
}

async function machineWithOlder(
  filesOf?: (version: string) => BundleFiles,
  state?: string,
): Promise<KernelSandbox> {
  const sandbox = new KernelSandbox({
    ...(filesOf === undefined ? {} : { filesOf }),
    ...(state === undefined ? {} : { state }),
  });
  sandbox.offer(older);
  await sandbox.must(...pull);
  sandbox.offer(newer);
  return sandbox;
}

async function expectOldKernel(sandbox: KernelSandbox, before: Snapshot): Promise<void> {
  await sandbox.must("kernel", "verify");
  expect(storeOf(sandbox)).toEqual(before);
  expect(sandbox.installed()).toEqual({ current: older });
  expect(sandbox.leftovers()).toEqual([]);
}

/** Writes a file until so much is left; as root, also what the file system keeps back for root. */
function fill(file: string, leftBytes: number): void {
  const descriptor = openSync(file, "wx");
  const chunk = new Uint8Array(64 * 1024);
  let sizeBytes = 0;
  try {
    for (;;) sizeBytes += writeSync(descriptor, chunk);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
    ftruncateSync(descriptor, sizeBytes - leftBytes);
  } finally {
    closeSync(descriptor);
  }
}
