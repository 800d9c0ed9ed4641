import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type StraceOptions,
  countCalls,
  countCallsByThread,
  countMainThreadCalls,
  injectionPoints,
  listMutatingCalls,
  parseStraceLog,
  straceInject,
} from "./strace.ts";

// What a store does: two files written on the main thread, published by a rename; one by a helper thread.
const program = `
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, symlinkSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
const folder = process.argv[2];
mkdirSync(folder + "/staging");
for (const name of ["a", "b"]) {
  const descriptor = openSync(folder + "/staging/" + name, "wx");
  writeSync(descriptor, "one"); writeSync(descriptor, "two");
  try { fsyncSync(descriptor); } catch (error) { console.log(name, error.code); process.exit(7); }
  closeSync(descriptor);
}
symlinkSync("a", folder + "/staging/link");
renameSync(folder + "/staging", folder + "/tree");
const handle = await open(folder + "/threaded", "wx");
await handle.write("x"); await handle.sync(); await handle.close();
console.log("done");
`;

const scratch = mkdtempSync(join(tmpdir(), "banger-strace-test-"));
const executable = join(scratch, "program");
const folder = join(scratch, "store");
let command: StraceOptions;

beforeAll(() => {
  writeFileSync(join(scratch, "program.ts"), program);
  const built = spawnSync(
    process.execPath,
    ["build", "--compile", join(scratch, "program.ts"), "--outfile", executable],
    { cwd: scratch, encoding: "utf8" },
  );
  if (built.status !== 0) {
    throw new Error(built.stderr);
  }
  command = { file: executable, args: [folder], env: { PATH: "/usr/bin:/bin", HOME: scratch } };
}, 30_000);

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

test("the calls of a compiled executable are counted, those of the main thread apart", async () => {
  const { result, calls } = await listMutatingCalls(command);
  expect(result).toMatchObject({ exitCode: 0, stdout: "done\n" });
  const own = calls.filter((call) => call.text.includes(folder));
  expect(countMainThreadCalls(own)).toEqual({
    mkdir: 1,
    write: 4,
    fsync: 2,
    symlink: 1,
    rename: 1,
  });
  expect(countCalls(own)).toMatchObject({ write: 5, fsync: 3 });
  expect(countCallsByThread(own).size).toBeGreaterThanOrEqual(2);
  const points = injectionPoints(calls, folder).map(({ syscall, when }) => `${syscall} ${when}`);
  expect(points).toEqual(expect.arrayContaining(["fsync 1", "fsync 2", "write 4", "rename 1"]));
});

test("an error is injected into the call that is named and no other", async () => {
  const { result, calls } = await straceInject({ ...command, rules: ["fsync:error=EIO:when=2"] });
  expect(result).toMatchObject({ exitCode: 7, stdout: "b EIO\n" });
  const injected = calls.filter((call) => call.injected);
  expect(injected).toMatchObject([{ syscall: "fsync", ordinal: 2, onMainThread: true }]);
  expect(injected[0]?.text).toContain("staging/b>");
});

test("a program is killed before the call that is named has any effect", async () => {
  const { result } = await straceInject({ ...command, rules: ["rename:signal=KILL:when=1"] });
  expect(result.signal).toBe("SIGKILL");
  expect(readdirSync(folder)).toEqual(["staging"]);
  expect(readdirSync(join(folder, "staging")).sort()).toEqual(["a", "b", "link"]);
});

test("several rules hold at once", async () => {
  const rules = ["fsync:error=ENOSPC:when=1", "?chmod,fchmod:error=EIO"];
  const { result } = await straceInject({ ...command, rules });
  expect(result.stdout).toBe("a ENOSPC\n");
});

test("a call that another thread interrupts is counted once, and a signal not at all", () => {
  const calls = parseStraceLog(
    [
      '10 execve("/x", ["x"], 0x1) = 0',
      "10 fsync(3</a> <unfinished ...>",
      "11 fsync(4</b>) = 0",
      "10 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)",
      "10 --- SIGCHLD {si_signo=SIGCHLD} ---",
      "10 fsync(3</a>) = 0",
      "11 +++ exited with 0 +++",
    ].join("\n"),
  ).filter((call) => call.syscall === "fsync");
  expect(calls.map(({ tid, ordinal, injected }) => [tid, ordinal, injected])).toEqual([
    [10, 1, true],
    [11, 1, false],
    [10, 2, false],
  ]);
});
