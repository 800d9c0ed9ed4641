/**
 * Fault 25: SIGKILL at the calls that change the state folder. The next command heals the store. An
 * upgrade is killed at each of them, and has all that a first pull, a repair and an import do: of these
 * some are enough, and every third where there are many of the others. `BANGER_ALL_CALLS=1` leaves none out.
 */
import { expect } from "bun:test";
import { killAt } from "../support/call-faults.ts";
import { recordFault } from "../support/fault-table.ts";
import { KernelSandbox } from "../support/kernel-state.ts";
import { bangerOnMainThread, changesBelow, oneIn } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { prepareStore, storeOperations, torn } from "../support/store-operations.ts";

function step(name: string, calls: number): number {
  if (name === "a pull that upgrades" || calls < 12) return 1;
  return /^a first pull$|^a pull that repairs|^an import/.test(name) ? 6 : 3;
}

for (const operation of storeOperations) {
  const { name } = operation;
  testUnless(
    straceObstacle(),
    `row 25: SIGKILL at calls of ${name} leaves a store that the next command heals`,
    async () => {
      await using sandbox = new KernelSandbox();
      const putBack = await prepareStore(sandbox, operation);
      expect(torn(sandbox.installed())).toEqual(operation.before);

      const whole = await bangerOnMainThread(sandbox, operation.args);
      expect(whole.result.exitCode).toBe(0);
      expect(sandbox.installed()).toEqual(operation.after);
      const all = changesBelow(whole.calls, sandbox.state);
      const points = oneIn(step(name, all.length), all);
      expect(points.length).toBeGreaterThan(5);

      const problems: string[] = [];
      for (const point of points) {
        putBack();
        for (const problem of await killAt(sandbox, operation, point)) {
          const where = `${point.syscall}(${point.text.replaceAll(sandbox.state, "$STATE")}`;
          problems.push(`killed before call ${point.when} of ${where}: ${problem}`);
        }
      }
      expect(problems).toEqual([]);
      recordFault({
        row: 25,
        done: `SIGKILL at ${points.length} of ${all.length} calls of ${name}`,
        exit: "SIGKILL",
        code: "-",
        store: "healed",
      });
    },
    400_000,
  );
}
