/** Fault 26, in the order of the calls: what is reported was synced before. */
import { expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { bangerOnMainThread } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { snapshotOf } from "../support/snapshot.ts";
import { newer, older } from "../support/store-operations.ts";
import type { TracedCall } from "../support/strace.ts";

const pull = ["kernel", "pull", kernelName];

// Journals keep order, so that no power cut on ext4 or xfs shows a folder that was not synced.
testUnless(
  straceObstacle(),
  "row 26: every file and folder is synced before its tree is published, and every link after it was made",
  async () => {
    await using sandbox = new KernelSandbox();
    sandbox.offer(newer);
    const { calls } = await bangerOnMainThread(sandbox, pull);
    const published = calls.findIndex(({ syscall, text }) =>
      /^rename.*\/\.staging\//.test(`${syscall} ${text}`),
    );
    const staged = syncedPaths(calls.slice(0, published)).map((path) =>
      path.replace(/^.*\/\.staging\/[0-9a-f]+\/?/, ""),
    );
    const tree = snapshotOf(join(sandbox.state, "kernels", kernelName, "."));
    const wanted = Object.keys(tree).filter((path) => !tree[path]?.startsWith("link"));
    expect(staged.toSorted()).toEqual(["", ...wanted].toSorted());
    const folders = syncedPaths(calls.slice(published)).map((path) =>
      relative(sandbox.state, path),
    );
    expect(folders).toEqual(["kernels/.store", "kernels"]);
  },
  30_000,
);

testUnless(
  straceObstacle(),
  "row 26: gc reports what it removed when the removal is durable",
  async () => {
    await using sandbox = new KernelSandbox();
    for (const version of [older, newer, older]) {
      sandbox.offer(version);
      await sandbox.must(...pull, "--force");
    }
    const part = join(sandbox.state, "kernels/.parts", `${"0".repeat(64)}.part`);
    writeFileSync(part, "cut short");
    const { calls } = await bangerOnMainThread(sandbox, ["kernel", "gc", "--yes"]);
    expect(existsSync(part)).toBe(false);
    for (const [folder, removal] of [
      [".store", /^rename.*\/\.store\//],
      [".parts", /^unlink.*\.part"/],
    ] as const) {
      const last = calls.findLastIndex(({ syscall, text }) => removal.test(`${syscall} ${text}`));
      expect(last).toBeGreaterThan(0);
      const synced = syncedPaths(calls.slice(last)).map((path) => relative(sandbox.state, path));
      expect(synced).toContain(`kernels/${folder}`);
    }
  },
  30_000,
);

function syncedPaths(calls: readonly TracedCall[]): readonly string[] {
  return calls
    .filter(({ syscall }) => syscall === "fsync")
    .map(({ text }) => text.replace(/^\d+<(.*)>.*$/, "$1"));
}
