import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BangerError } from "../../src/core/errors.ts";
import { cleaned, runChild } from "../../src/io/child.ts";

const environment = { PATH: "/usr/bin:/bin" };
const never = new AbortController().signal;

/** What has ended may stay as a zombie when nobody waits for it. */
function isRunning(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("running a program", () => {
  test("passes arguments as they are, and gives both outputs and the exit code", async () => {
    const script = 'printf "%s|" "$@"; echo to stderr >&2; exit 3';
    const args = ["-c", script, "sh", "a b", "$HOME", "*", ""];
    const end = await runChild({ program: "sh", args, environment, signal: never });
    expect(end).toEqual({ exitCode: 3, stdout: "a b|$HOME|*||", stderr: "to stderr\n" });
  });

  test("tells of each line as it comes, also of one without an end", async () => {
    const lines: string[] = [];
    await runChild({
      program: "printf",
      args: ["one\\ntwo\\nthree"],
      environment,
      signal: never,
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual(["one", "two", "three"]);
  });

  test("takes all of an output whose characters come in halves", async () => {
    // With setEncoding the stream of Bun 1.4 loses the rest, or turns in a circle.
    const write =
      "for (1..3000) { syswrite(STDOUT, qq(\\xe2)); select(undef, undef, undef, 0.0001);";
    const script = `${write} syswrite(STDOUT, qq(\\x80\\xae)); select(undef, undef, undef, 0.0001) }`;
    const command = { program: "perl", args: ["-e", script], environment, signal: never };
    const { exitCode, stdout } = await runChild(command);
    expect([exitCode, stdout === "\u202e".repeat(3000)]).toEqual([0, true]);
  });

  test("gives it text, or an open file, to read", async () => {
    const asText = await runChild({
      program: "cat",
      args: [],
      environment,
      signal: never,
      stdin: "text",
    });
    expect(asText.stdout).toBe("text");
    const folder = mkdtempSync(join(tmpdir(), "banger-child-"));
    writeFileSync(join(folder, "file"), "from a file");
    const descriptor = openSync(join(folder, "file"), "r");
    const fromFile = await runChild({
      program: "sh",
      args: ["-c", "cat <&3"],
      environment,
      signal: never,
      descriptors: [descriptor],
    });
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
    expect(fromFile.stdout).toBe("from a file");
  });

  test("says which program is not there", async () => {
    const failure = await runChild({
      program: "no-such-program",
      args: [],
      environment,
      signal: never,
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BangerError);
    expect(String(failure)).toContain("there is no program no-such-program");
  });

  test("keeps the end of an output that is too long", async () => {
    const { stdout } = await runChild({
      program: "seq",
      args: ["100000"],
      environment,
      signal: never,
      maxOutputBytes: 1000,
    });
    expect(stdout.length).toBeLessThanOrEqual(2000);
    expect(stdout).toEndWith("100000\n");
  });

  test("ends it, and what it started, when the work is aborted", async () => {
    const controller = new AbortController();
    const reason = new BangerError("interrupted", "interrupted");
    const pids: string[] = [];
    const run = runChild({
      program: "sh",
      args: ["-c", "sleep 60 & echo $! $$; wait"],
      environment,
      signal: controller.signal,
      onLine: (line) => {
        pids.push(...line.split(" "));
        controller.abort(reason);
      },
    });
    expect(await run.catch((error: unknown) => error)).toBe(reason);
    expect(pids).toHaveLength(2);
    // It has its signal; when it is gone is for the kernel to say.
    for (let tries = 0; tries < 500 && pids.some(isRunning); tries += 1) await Bun.sleep(10);
    expect(pids.filter((pid) => isRunning(pid))).toEqual([]);
  });

  test("leaves out of an environment what would make the child run as Bun", () => {
    const variables = { A: "1", BUN_OPTIONS: "--preload x", BUN_BE_BUN: "1" };
    expect(cleaned(variables)).toEqual({ A: "1" });
  });
});
