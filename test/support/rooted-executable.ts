/** An executable that was built with a root of trust of the test's own. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Builds it, in some seconds.
 *
 * @param folder where it goes.
 * @param root the text of the root.
 * @returns its path.
 */
export function rootedExecutable(folder: string, root: string): string {
  const file = join(folder, "root.json");
  const executable = join(folder, "banger");
  writeFileSync(file, root);
  execFileSync("make", ["executable", `OUT=${executable}`, `TRUST_ROOT=${file}`], {
    cwd: resolve(import.meta.dirname, "../.."),
    // Of a make that runs this test.
    env: { ...process.env, MAKEFLAGS: undefined, MAKELEVEL: undefined, MFLAGS: undefined },
    stdio: "pipe",
  });
  return executable;
}
