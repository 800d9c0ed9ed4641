/** Tests that need more of the machine than a plain user has. */
import { test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { loopDeviceObstacle } from "./loop-device.ts";

/** Why strace cannot be used here, or `undefined` if it can. */
export function straceObstacle(): string | undefined {
  if (!existsSync("/usr/bin/strace")) {
    return "strace is missing; run: apt-get install strace";
  }
  const { status, stderr } = spawnSync("/usr/bin/strace", ["-o", "/dev/null", "/bin/true"], {
    encoding: "utf8",
  });
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim()}`;
}

/** Why a test that mounts file systems and traces programs cannot run, or `undefined` if it can. */
export function mountObstacle(): string | undefined {
  return loopDeviceObstacle() ?? straceObstacle();
}

/**
 * Declares a test, concurrent with its likes, that needs something of the machine. Where it is missing the test is skipped, with
 * the reason in its name; with `CI=true` it fails instead, so that no proof is left out in silence.
 *
 * @param obstacle why it cannot run, as {@link straceObstacle} says; `undefined` if it can.
 * @param alone whether it has what other tests of the file use too, and must not run beside them.
 */
export function testUnless(
  obstacle: string | undefined,
  name: string,
  work: () => Promise<void>,
  timeoutMs: number,
  alone = false,
): void {
  if (obstacle === undefined) {
    if (alone) test(name, work, timeoutMs);
    else test.concurrent(name, work, timeoutMs);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(`this test must not be skipped in CI: ${obstacle}`);
    });
  } else {
    test.skip(`${name} (skipped: ${obstacle})`, work);
  }
}
