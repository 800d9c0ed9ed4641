/** The guest that is committed is what its sources give. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildGuest } from "../../guest/build.ts";
import { testUnless } from "../support/obstacles.ts";

const guest = resolve(import.meta.dirname, "../../guest");
const built = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => /\.(?:ext4|cpio)$/.test(name))
    .sort();

/** The compiler whose output is committed. */
function obstacle(): string | undefined {
  for (const compiler of ["x86_64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"]) {
    const { stdout } = spawnSync(compiler, ["--version"], { encoding: "utf8" });
    if (!stdout?.includes("12.2.0")) return `${compiler} is not there in version 12.2.0`;
  }
  return undefined;
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-guest-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function compareBuilt(): Promise<void> {
  buildGuest(folder);
  expect(built(folder)).toEqual(["arm64.cpio", "arm64.ext4", "x86_64.cpio", "x86_64.ext4"]);
  for (const file of built(folder)) {
    const same = readFileSync(join(folder, file)).equals(readFileSync(join(guest, file)));
    if (!same) throw new Error(`${file} is not what guest/ gives; run: make guest`);
  }
}

describe("the guest", () => {
  const words = "is built to the very files that are committed";
  testUnless(obstacle(), words, compareBuilt, 60_000);

  test("is well below a MiB", () => {
    const bytes = built(guest).map((name) => readFileSync(join(guest, name)).length);
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2 ** 20);
  });
});
