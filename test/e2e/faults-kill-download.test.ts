/** Fault 25: SIGKILL at each call of a pull that makes or removes what a download needs. `kernel gc` leaves nothing of it. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { recordFault } from "../support/fault-table.ts";
import { HttpServer, serve } from "../support/http-server.ts";
import { KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { bangerOnMainThread, changesBelow } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";

testUnless(
  straceObstacle(),
  "row 25: of a pull that was killed in its download, at its locks or at its end, gc leaves no part file and no lock",
  async () => {
    await using server = await HttpServer.start();
    await using sandbox = new KernelSandbox();
    const entry = sandbox.offer("6.12.1");
    const file = sandbox.bundlePath(entry);
    server.on(file.slice(sandbox.mirror.length), serve(readFileSync(file)));
    sandbox.useMirrors(server.url);
    const putBack = sandbox.keepState();
    const pull = ["kernel", "pull", kernelName];
    const { calls } = await bangerOnMainThread(sandbox, pull);
    const points = changesBelow(calls, sandbox.state).filter(
      ({ syscall, text }) => syscall !== "write" && /\/\.(?:locks|parts)\/[0-9a-f]/.test(text),
    );
    const suffixes = points.map(
      ({ text }) => /[0-9a-f]{64}((?:\.part)?(?:\.origin)?)/.exec(text)?.[1],
    );
    expect(new Set(suffixes)).toEqual(new Set(["", ".part", ".part.origin"]));

    const problems: string[] = [];
    for (const { syscall, when, text } of points) {
      putBack();
      const rule = `${syscall}:signal=KILL:when=${when}`;
      const { result } = await bangerOnMainThread(sandbox, pull, [rule]);
      await sandbox.must("kernel", "gc");
      const paths = Object.keys(sandbox.snapshot());
      const left = paths.filter((path) => /\/\.(?:locks|parts)\/./.test(path));
      const where = `${syscall}(${text.replaceAll(sandbox.state, "$STATE")}`;
      if (result.signal !== "SIGKILL") problems.push(`${where}: exit ${result.exitCode}`);
      for (const path of [...left, ...sandbox.unlinkedTrees(), ...sandbox.leftovers()]) {
        problems.push(`killed before ${where}: gc leaves ${path}`);
      }
    }
    expect(problems).toEqual([]);
    const done = `SIGKILL at each of ${points.length} calls for locks and parts of a pull, then gc`;
    recordFault({ row: 25, done, exit: "SIGKILL", code: "-", store: "healed" });
  },
  120_000,
);
