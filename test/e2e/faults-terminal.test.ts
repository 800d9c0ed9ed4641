/** Rows 29 and 30 of the table of faults: outputs that end, terminals that differ, hostile text. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { RunningChild, runChild } from "../support/child.ts";
import { recordFault } from "../support/fault-table.ts";
import { HttpServer, corruptBit, redirect, serve } from "../support/http-server.ts";
import { type BundleEntry, Sandbox, bangerExecutable } from "../support/sandbox.ts";

const bundles = new Sandbox();
const older = bundles.bundle({ version: "6.12.1" });
const newer = bundles.bundle({ version: "6.12.2" });
const bytes = new Uint8Array(readFileSync(bundles.bundlePath(newer)));
const file = new URL(newer.tarball_url).pathname;
const pull = ["kernel", "pull", "generic-6.12"];
const available = ["kernel", "list", "--available"];
/** What must not reach a terminal: controls but for line feeds, bidi and hidden characters. */
const unsafe = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\uFFFD]/u;
const hostile = "a\u001b[2Jb\u0007c\rd\u202ee\u200bf\u009bg\nh\ti\u2028j\u007f";
const escaped = String.raw`a\x1b[2Jb\x07c\x0dd\u{202e}e\u{200b}f\u{9b}g\x0ah\x09i\u{2028}j\x7f`;

afterAll(() => bundles.dispose());

/** A machine with 6.12.1 installed, and 6.12.2 in its catalog and mirror. */
async function machine(change: Partial<BundleEntry> = {}): Promise<Sandbox> {
  const sandbox = new Sandbox();
  sandbox.useMirrors(bundles.mirror);
  sandbox.writeCatalog([older]);
  requireExit(await sandbox.banger(pull));
  sandbox.writeCatalog([{ ...newer, ...change }], { serial: 2 });
  sandbox.setEnv("BANGER_HTTP_RETRIES", "0");
  return sandbox;
}

async function expectInstalled(sandbox: Sandbox, done: string): Promise<void> {
  const shown = documentOf(await sandbox.banger(["kernel", "show", "generic-6.12", "--json"]));
  expect([done, textAt(shown, "installed.kernel_version")]).toEqual([done, "6.12.2"]);
  requireExit(await sandbox.banger(["kernel", "verify"]));
  recordFault({ row: 29, done, exit: 0, code: "-", store: "as wanted" });
}

function startSlowServer(): Promise<HttpServer> {
  const pace = { bytes: 8000, everyMs: 50 };
  return HttpServer.start().then((server) => server.on(file, serve(bytes, { pace })));
}

/** A catalog whose list is longer than what a pipe holds. */
function writeLongCatalog(sandbox: Sandbox): void {
  const description = "x".repeat(60);
  const names = Array.from({ length: 2000 }, (_, index) => `generic-${index}.1`);
  sandbox.writeCatalog(names.map((name) => ({ ...newer, name, description })));
}

test("row 29: a reader that leaves ends a list in silence", async () => {
  await using sandbox = await machine();
  writeLongCatalog(sandbox);
  for (const rest of ["| head -n 1", "| true", ">&-", ">&- 2>&- <&-"]) {
    for (const args of [available, [...available, "--json"], ["help"]]) {
      const { exitCode, stdout, stderr } = await sandbox.bangerInShell(args, rest);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(stdout.split("\n").length).toBeLessThan(3);
    }
    recordFault({ row: 29, done: `list ${rest}`, exit: 0, code: "-", store: "same" });
  }
});

test("row 29: a full disk behind the output is an error that says so", async () => {
  await using sandbox = await machine();
  const before = sandbox.snapshot();
  for (const args of [available, [...available, "--json"], ["kernel", "show", "generic-6.12"]]) {
    const { exitCode, stderr } = await sandbox.bangerInShell(args, ">/dev/full");
    const wanted = "banger: error: cannot write to stdout: the disk is full\nhint: free some space";
    expect(stderr).toStartWith(wanted);
    expect(exitCode).toBe(1);
    const both = await sandbox.bangerInShell(args, ">/dev/full 2>/dev/full");
    expect(both.exitCode).toBe(1);
    expect(sandbox.snapshot()).toEqual(before);
  }
  recordFault({ row: 29, done: "list >/dev/full", exit: 1, code: "no-space", store: "same" });
});

test.each(["2>&1 | head -n 1", "2>&1 | true", "2>&-", "2>/dev/full", ">&-", ">&- 2>&- <&-"])(
  "row 29: a pull whose words nobody reads does its work: %s",
  async (rest) => {
    await using sandbox = await machine();
    expect((await sandbox.bangerInShell(pull, rest)).exitCode).toBe(0);
    await expectInstalled(sandbox, `pull ${rest}`);
  },
);

test.each(["2>&1 >/dev/null | true", "2>&-", "2>/dev/full", ">&- 2>&-"])(
  "row 29: a pull whose words nobody reads fails as it would: %s",
  async (rest) => {
    await using server = await HttpServer.start();
    server.on(file, corruptBit(bytes, 5000));
    await using sandbox = await machine();
    sandbox.useMirrors(server.url);
    const before = sandbox.snapshot({ withoutLocksAndParts: true });
    const { exitCode } = await sandbox.bangerInShell([...pull, "--json"], rest);
    expect(exitCode).toBe(4);
    expect(sandbox.snapshot({ withoutLocksAndParts: true })).toEqual(before);
    const code = "verification-failed";
    recordFault({ row: 29, done: `bad pull ${rest}`, exit: 4, code, store: "same" });
  },
);

test("row 29: without a terminal nothing is drawn, coloured or asked", async () => {
  await using sandbox = await machine();
  const remove = ["kernel", "rm", "generic-6.12"];
  const failing = ["kernel", "show", "nothing-1.0"];
  for (const args of [available, pull, ["kernel", "list"], ["doctor"], ["help"], failing, remove]) {
    const run = await sandbox.banger(args, { keepStdinOpen: true, timeoutMs: 10_000 });
    expect([args, run.stdout + run.stderr]).toEqual([args, expect.not.stringMatching(unsafe)]);
  }
  requireExit(await sandbox.banger(["kernel", "pull"], { keepStdinOpen: true }), 2);
  recordFault({ row: 29, done: "no terminal", exit: 0, code: "-", store: "as wanted" });
});

test("row 29: on a terminal there are colours and live progress", async () => {
  await using server = await startSlowServer();
  await using sandbox = await machine();
  sandbox.useMirrors(server.url);
  const { stdout } = requireExit(await sandbox.bangerOnTerminal(pull));
  expect(stdout).toMatch(
    /\r\u001b\[Kgeneric-6\.12: downloading \d+ % of 61\.7 kB, \d+ kB\/s, \d s left/,
  );
  expect((await sandbox.bangerOnTerminal(available)).stdout).toContain("\u001b[1mNAME");
});

test.each([
  ["TERM=dumb", { env: { TERM: "dumb" } }, []],
  ["NO_COLOR", { env: { NO_COLOR: "1" } }, []],
  ["--no-color", {}, ["--no-color"]],
] as const)("row 29: a terminal with %s gets plain text", async (what, options, flags) => {
  await using server = await startSlowServer();
  await using sandbox = await machine();
  sandbox.useMirrors(server.url);
  for (const args of [pull, available, ["kernel", "list"], ["doctor"], ["kernel", "show", "x"]]) {
    const run = await sandbox.bangerOnTerminal([...args, ...flags], options);
    const text = run.stdout.replaceAll("\r\n", "\n");
    expect([args, text]).toEqual([args, expect.not.stringMatching(unsafe)]);
  }
  await expectInstalled(sandbox, `terminal with ${what}`);
});

test.each([40, 79, 80])("row 29: a table on %d columns is not broken", async (columns) => {
  await using sandbox = await machine({ description: "🙂".repeat(60) });
  for (const args of [available, ["kernel", "list"], ["kernel", "outdated"]]) {
    const { stdout } = await sandbox.bangerOnTerminal(args, { columns, env: { NO_COLOR: "1" } });
    const text = stdout.replaceAll("\r\n", "\n");
    expect(text).not.toMatch(unsafe);
    expect(text).toContain("generic-6.12");
    expect(text).toContain("6.12.1".slice(0, args === available ? 5 : 6));
    // A block has a field a line, and the terminal may wrap its value; a row is never wrapped.
    const rows = text.split("\n").filter((line) => !/^[a-z]+: +\S/.test(line));
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(columns);
  }
  const done = `${columns} columns`;
  recordFault({ row: 29, done, exit: 0, code: "-", store: "same" });
});

test("row 29: live progress stays within 40 columns, wherever the data goes", async () => {
  await using server = await startSlowServer();
  for (const rest of ["", ">/dev/null"]) {
    await using sandbox = await machine();
    sandbox.useMirrors(server.url);
    const command = `stty cols 40 rows 24; exec ${bangerExecutable()} ${pull.join(" ")} ${rest}`;
    const run = await runChild({
      file: "/usr/bin/script",
      args: ["-qefc", command, "/dev/null"],
      env: { ...sandbox.environment, TERM: "xterm", SHELL: "/bin/sh" },
    });
    const drawn = [...requireExit(run).stdout.matchAll(/\r\u001b\[K([^\r]*)(?=\r\u001b)/g)];
    expect(drawn.length).toBeGreaterThan(0);
    for (const [, line = ""] of drawn) expect(line.length).toBeLessThan(40);
    recordFault({ row: 29, done: `progress ${rest}`, exit: 0, code: "-", store: "as wanted" });
  }
});

test("row 30: a hostile description is shown escaped, with and without a terminal", async () => {
  await using sandbox = await machine({ description: hostile });
  for (const args of [available, ["kernel", "show", "generic-6.12"]]) {
    const { stdout } = requireExit(await sandbox.banger(args));
    expect(stdout).not.toMatch(unsafe);
    expect(stdout).toContain(escaped);
    const options = { columns: 300, env: { NO_COLOR: "1" } };
    const text = (await sandbox.bangerOnTerminal(args, options)).stdout.replaceAll("\r\n", "\n");
    expect(text).not.toMatch(unsafe);
    expect(text).toContain(escaped);
    recordFault({ row: 30, done: args.join(" "), exit: 0, code: "-", store: "same" });
  }
});

test("row 30: JSON has hostile text whole, and escaped in its own way", async () => {
  await using sandbox = await machine({ description: hostile });
  for (const [args, place] of [
    [available, "entries.0.description"],
    [["kernel", "show", "generic-6.12"], "entry.description"],
  ] as const) {
    const run = await sandbox.banger([...args, "--json"]);
    expect(valueAt(documentOf(run), place)).toBe(hostile);
    expect(run.stdout).not.toMatch(unsafe);
    recordFault({ row: 30, done: `${args[1]} --json`, exit: 0, code: "-", store: "same" });
  }
});

test("row 30: what a server, a file or a user says is shown escaped", async () => {
  await using server = await HttpServer.start();
  await using sandbox = await machine();
  server.on(file, redirect("weird:\u202e\u009b[2J")).on(`/good${file}`, serve(bytes));
  const link = join(sandbox.state, "kernels/generic-6.12");
  writeFileSync(join(link, "extra\u001b[2J\u202e"), "");
  const lock = join(sandbox.state, "kernels/.locks", newer.tarball_sha256);
  writeFileSync(lock, "process 1 \u001b[2J\u202e\n");
  await using holder = new Holder(lock);
  await holder.ready;
  for (const [args, exitCode, wanted] of [
    [["kernel", "verify"], 4, String.raw`extra\x1b[2J\u{202e} (extra)`],
    [[...pull, "--no-wait"], 6, String.raw`process 1 \x1b[2J\u{202e} holds the lock`],
    [["kernel", "show", hostile], 2, String.raw`is not a kernel name`],
    [["kernel", hostile], 2, String.raw`has no command`],
    [["kernel", "list", `--${hostile}`], 2, String.raw`unknown option`],
    [["image", "config", "web", "--vcpus", hostile], 2, "--vcpus wants a whole number"],
  ] as const) {
    const run = requireExit(await sandbox.banger([...args, "--verbose"]), exitCode);
    expect(run.stdout + run.stderr).not.toMatch(unsafe);
    expect(run.stderr).toContain(wanted);
    recordFault({ row: 30, done: wanted, exit: exitCode, code: "-", store: "same" });
  }
  await holder.stop();
  const env = { BANGER_MIRRORS: `${server.url},${server.url}/good` };
  const { stderr } = requireExit(await sandbox.banger([...pull, "--verbose"], { env }));
  expect(stderr).toContain("redirects to weird:");
  expect(stderr).not.toMatch(unsafe);
  expect(existsSync(link)).toBe(true);
});

/** Holds a lock file, as another banger does. */
class Holder implements AsyncDisposable {
  readonly ready: Promise<unknown>;
  readonly #child: RunningChild;

  constructor(lock: string) {
    const args = ["-x", lock, "sh", "-c", "echo held; exec sleep 60"];
    this.#child = new RunningChild({ file: "/usr/bin/flock", args });
    this.ready = this.#child.waitForStdout(/held/);
  }

  async stop(): Promise<void> {
    this.#child.killGroup();
    await Promise.allSettled([this.#child.done]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
