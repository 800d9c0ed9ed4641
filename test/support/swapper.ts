/**
 * A program of the same user that swaps folders in staging for links that lead elsewhere, as fast as
 * it can, until it is killed: `bun swapper.ts STAGING OUTSIDE`. It says `swapped` once it has done so.
 */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const [staging = "", outside = ""] = process.argv.slice(2);
const aside = ".aside";
let swaps = 0;

for (;;) {
  for (const name of listed(staging)) {
    if (!name.endsWith(aside)) attack(join(staging, name));
  }
}

/** Swaps what is there now: the folder of modules, those in it, and the staged tree itself. */
function attack(tree: string): void {
  const modules = join(tree, "modules");
  const inner = listed(modules).map((name) => join(modules, name));
  for (const folder of [...inner, modules, tree]) swap(folder);
}

function swap(folder: string): void {
  try {
    if (!lstatSync(folder).isDirectory()) return;
    renameSync(folder, `${folder}${aside}`);
    symlinkSync(outside, folder);
    swaps += 1;
    if (swaps === 1) process.stdout.write("swapped\n");
    for (const until = performance.now() + 1; performance.now() < until;);
    rmSync(folder);
    renameSync(`${folder}${aside}`, folder);
  } catch {
    // The program that we attack was faster; next time.
  }
}

function listed(folder: string): readonly string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : [];
  } catch {
    return [];
  }
}
