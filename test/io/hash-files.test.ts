import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashFiles } from "../../src/io/hash-files.ts";
import { HashTurns } from "../../src/io/hash-turns.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-hash-"));
  for (let index = 0; index < 40; index += 1) {
    const file = join(folder, `${index}`);
    writeFileSync(file, `file ${index}`);
    // Holes: read as fast as the hash, and without a disk.
    truncateSync(file, index % 4 === 0 ? 8 << 20 : 100 + index);
  }
  symlinkSync("0", join(folder, "link"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function filesToHash(): { path: string; sizeBytes: number }[] {
  return [...Array(40).keys(), "gone", "link", "pipe", "0/below", "."].map((name, index) => ({
    path: join(folder, `${name}`),
    sizeBytes: typeof name === "number" && index % 4 === 0 ? 8 << 20 : 100 + index,
  }));
}

function told(): Map<string, string> {
  const names = Array.from({ length: 40 }, (_none, index) => `${index}`);
  const lines = execFileSync("sha256sum", names, { cwd: folder, encoding: "utf8" }).trim();
  return new Map(
    lines.split("\n").map((line) => [join(folder, line.slice(66)), line.slice(0, 64)]),
  );
}

test("more than one thread needs gives what sha256sum gives, in the order asked, nothing for what is no file", async () => {
  const files = filesToHash();
  const seen: number[] = [];
  const digests: (string | undefined)[] = await hashFiles(files, {
    signal: new AbortController().signal,
    onBytes: (doneBytes) => {
      seen.push(doneBytes);
    },
  });
  const expected = told();
  expect(digests).toEqual(files.map((file) => expected.get(file.path)));
  expect(new Set(digests.slice(-5))).toEqual(new Set([undefined]));
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(files.reduce((sum, file) => sum + file.sizeBytes, 0));
});

test("an abort is heard between two files", async () => {
  const abort = new AbortController();
  let calls = 0;
  const work = hashFiles(filesToHash(), {
    signal: abort.signal,
    onBytes: () => {
      calls += 1;
      abort.abort(new Error("enough"));
    },
  });
  expect(await work.catch(String)).toBe("Error: enough");
  expect(calls).toBeLessThan(40);
});

test("what a helper took and did not finish is done by who waits for it", () => {
  const turns = HashTurns.of(filesToHash());
  const helper = new HashTurns(turns.shared);
  expect(helper.begin()).toBe(true);
  helper.takeTurn();
  // A turn that is taken, and never done.
  Atomics.add(new Int32Array(turns.shared.states), 0, 1);
  while (turns.takeTurn() !== undefined);
  turns.finish();
  const expected = told();
  const digests: ReadonlyMap<string, string | undefined> = turns.results();
  const files = filesToHash();
  expect(files.map((file) => digests.get(file.path))).toEqual(
    files.map((file) => expected.get(file.path)),
  );
});

test("a helper that comes when nobody waits for it any more is told so", () => {
  const turns = HashTurns.of(filesToHash());
  expect(turns.begin()).toBe(true);
  expect(new HashTurns(turns.shared).begin()).toBe(false);
});
