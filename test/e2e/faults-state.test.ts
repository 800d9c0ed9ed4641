/** Row 22 of the table of faults: state folders that are not safe to use. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { textAt } from "../support/answers.ts";
import { type ChildResult, runChild } from "../support/child.ts";
import { recordFault } from "../support/fault-table.ts";
import { HttpServer, serve } from "../support/http-server.ts";
import { assertNoBugShown, bangerExecutable, Sandbox } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";

const nobody = 65_534;
const somebody = 12_345;
const isRoot = process.geteuid?.() === 0;
const pull = ["kernel", "pull", "generic-6.12"];
const list = ["kernel", "list"];
const bundles = new Sandbox();
const older = bundles.bundle({ version: "6.12.1" });
const newer = bundles.bundle({ version: "6.12.2" });
/** A copy that other users can reach. */
const executable = join(bundles.folder, "banger");

beforeAll(() => {
  fs.cpSync(bangerExecutable(), executable);
  fs.chmodSync(executable, 0o755);
  fs.chmodSync(bundles.folder, 0o755);
});

afterAll(() => bundles.dispose());

/** A machine with 6.12.1 installed by us and 6.12.2 in its catalog, where all may look in. */
async function machine(): Promise<Sandbox> {
  const sandbox = new Sandbox();
  fs.chmodSync(sandbox.folder, 0o755);
  sandbox.useMirrors(bundles.mirror);
  sandbox.writeCatalog([older]);
  expect(await sandbox.banger(pull)).toMatchObject({ exitCode: 0 });
  sandbox.writeCatalog([newer], { serial: 2 });
  return sandbox;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Runs banger as the user. */
function runAs(
  uid: number,
  sandbox: Sandbox,
  args: readonly string[],
  env: Variables = {},
): Promise<ChildResult> {
  const become = uid === 0 ? [] : [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  return runChild({
    file: "/usr/bin/setpriv",
    args: [...become, "--", executable, ...args, "--json"],
    env: { ...sandbox.environment, ...env },
    cwd: "/",
    check: (result) => assertNoBugShown(args, result),
  });
}

interface Unsafe {
  readonly name: string;
  readonly prepare: (sandbox: Sandbox) => void;
  readonly wanted: RegExp;
  readonly hint: RegExp;
  readonly uid?: number;
  readonly env?: (sandbox: Sandbox) => Variables;
  readonly commands?: readonly (readonly string[])[];
}

const chmod = (mode: number) => (sandbox: Sandbox) => fs.chmodSync(sandbox.state, mode);
const giveTo = (uid: number) => (sandbox: Sandbox) => fs.chownSync(sandbox.state, uid, uid);
const goW = /chmod go-w \//;
const noSudo = /^run it without sudo, or give root a store of its own: BANGER_STATE_DIR=\//;
const elsewhere = /BANGER_STATE_DIR=\//;
const changes = [
  pull,
  ["kernel", "rm", "generic-6.12", "--yes", "--force"],
  ["kernel", "gc", "--yes"],
  ["kernel", "rollback", "generic-6.12"],
  ["image", "rm", "web", "--yes"],
];

const unsafe: readonly Unsafe[] = [
  ...[0o777, 0o775, 0o757, 0o1777].map((mode) => ({
    name: `has mode ${mode.toString(8)}`,
    prepare: chmod(mode),
    wanted: new RegExp(`/state can be written by others \\(mode ${(mode & 0o777).toString(8)}\\)$`),
    hint: goW,
  })),
  {
    name: "has a kernels folder with mode 777",
    prepare: ({ state }) => fs.chmodSync(join(state, "kernels"), 0o777),
    wanted: /\/state\/kernels can be written by others \(mode 777\)$/,
    hint: goW,
  },
  {
    name: "leads to a folder with mode 777",
    prepare: (sandbox) => {
      fs.renameSync(sandbox.state, `${sandbox.state}-real`);
      fs.chmodSync(`${sandbox.state}-real`, 0o777);
      fs.symlinkSync("state-real", sandbox.state);
    },
    wanted: /\/state-real can be written by others \(mode 777\)$/,
    hint: goW,
  },
  {
    name: "is a file",
    prepare: ({ state }) => {
      fs.renameSync(state, `${state}-before`);
      fs.writeFileSync(state, "");
    },
    wanted: /\/state is not a folder$/,
    hint: elsewhere,
  },
  {
    name: "belongs to somebody else, and we are root",
    prepare: giveTo(nobody),
    wanted: /\/state belongs to user 65534, and banger runs as root$/,
    hint: noSudo,
  },
  {
    name: "belongs to the user who ran sudo",
    prepare: giveTo(nobody),
    env: () => ({ SUDO_USER: "nobody" }),
    wanted: /\/state belongs to user 65534, and banger runs as root through sudo$/,
    hint: noSudo,
  },
  {
    name: "has a kernels folder of somebody else",
    prepare: ({ state }) => fs.chownSync(join(state, "kernels"), nobody, nobody),
    wanted: /\/state\/kernels belongs to user 65534, and banger runs as root$/,
    hint: noSudo,
  },
  {
    name: "is not there yet, in the home of the user who ran sudo",
    prepare: ({ home }) => fs.chownSync(home, nobody, nobody),
    env: () => ({ BANGER_STATE_DIR: undefined, SUDO_USER: "nobody" }),
    wanted: /\/home belongs to user 65534, and banger runs as root through sudo$/,
    hint: noSudo,
    commands: [pull],
  },
  {
    name: "has its kernels elsewhere, in a folder with mode 777",
    prepare: ({ work }) => fs.chmodSync(work, 0o777),
    env: ({ work }) => ({ BANGER_KERNELS_DIR: work }),
    wanted: /\/work can be written by others \(mode 777\)$/,
    hint: goW,
  },
  {
    name: "belongs to another user, and we are not root",
    prepare: giveTo(somebody),
    uid: nobody,
    wanted: /\/state belongs to user 12345, not to you$/,
    hint: elsewhere,
  },
  {
    name: "belongs to root, and we are not root and want to change it",
    prepare: () => {},
    uid: nobody,
    wanted: /\/state belongs to root, not to you$/,
    hint: /can be read, but only root changes it; for kernels of your own .*BANGER_STATE_DIR=\//,
    commands: changes,
  },
];

describe.skipIf(!isRoot)("row 22, which needs root to become other users:", () => {
  for (const fault of unsafe) {
    test(`row 22: a state folder that ${fault.name} is refused`, async () => {
      await using sandbox = await machine();
      fault.prepare(sandbox);
      const before = snapshotOf(sandbox.folder);
      for (const args of fault.commands ?? [pull, list]) {
        const run = await runAs(fault.uid ?? 0, sandbox, args, fault.env?.(sandbox));
        const document: unknown = JSON.parse(run.stdout);
        expect([args, textAt(document, "error.code")]).toEqual([args, "bad-state"]);
        expect(textAt(document, "error.message")).toMatch(fault.wanted);
        expect(textAt(document, "error.hint")).toMatch(fault.hint);
        expect(run.exitCode).toBe(1);
        expect(snapshotOf(sandbox.folder)).toEqual(before);
        const done = `${args.slice(0, 2).join(" ")}: ${fault.name}`;
        recordFault({ row: 22, done, exit: 1, code: "bad-state", store: "same" });
      }
    });
  }

  test("row 22: a store of root's is read by anyone, and left as it is", async () => {
    await using sandbox = await machine();
    const before = snapshotOf(sandbox.folder);
    for (const args of [
      list,
      ["kernel", "show", "generic-6.12"],
      ["kernel", "path", "generic-6.12", "vmlinux"],
      ["kernel", "verify"],
      ["image", "list"],
    ]) {
      const run = await runAs(nobody, sandbox, args);
      expect([args, run.stdout, run.exitCode]).toEqual([args, expect.anything(), 0]);
      expect(snapshotOf(sandbox.folder)).toEqual(before);
    }
    const out = fs.mkdtempSync(join(sandbox.folder, "out-"));
    fs.chownSync(out, nobody, nobody);
    const run = await runAs(nobody, sandbox, ["kernel", "export", "generic-6.12", join(out, "k")]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    recordFault({ row: 22, done: "read a store of root's", exit: 0, code: "-", store: "same" });
  });

  test("row 22: a state folder that cannot be made or read is a failure that says so", async () => {
    await using sandbox = await machine();
    const closed = join(sandbox.folder, "closed");
    fs.mkdirSync(closed, { mode: 0o700 });
    const before = snapshotOf(sandbox.folder);
    for (const [state, wanted] of [
      [join(sandbox.folder, "new"), /cannot make the folder .*\/new\/?.*: permission denied$/],
      [join(closed, "state"), /cannot look at .*\/closed\/state: permission denied$/],
    ] as const) {
      const run = await runAs(nobody, sandbox, pull, { BANGER_STATE_DIR: state });
      const document: unknown = JSON.parse(run.stdout);
      expect(textAt(document, "error.message")).toMatch(wanted);
      expect(textAt(document, "error.hint")).toContain("see who may use it");
      expect(run.exitCode).toBe(1);
      expect(snapshotOf(sandbox.folder)).toEqual(before);
      const code = textAt(document, "error.code");
      const done = state.endsWith("/new") ? "a folder below root's" : "a folder out of reach";
      recordFault({ row: 22, done, exit: 1, code, store: "same" });
    }
  });

  test("row 22: everybody has a store of their own", async () => {
    await using sandbox = await machine();
    fs.chownSync(sandbox.home, nobody, nobody);
    const own = { BANGER_STATE_DIR: undefined };
    expect(await runAs(nobody, sandbox, pull, own)).toMatchObject({ exitCode: 0 });
    const vmlinux = join(sandbox.home, ".local/state/banger/kernels/generic-6.12/vmlinux");
    expect(fs.statSync(vmlinux)).toMatchObject({ uid: nobody, gid: nobody });
    const other = { BANGER_STATE_DIR: join(sandbox.home, ".local/state/banger") };
    expect(await runAs(somebody, sandbox, list, other)).toMatchObject({ exitCode: 1 });
  });
});

test("row 22: a state folder is made for ourselves alone to write, whatever the umask", async () => {
  await using sandbox = await machine();
  for (const umask of ["000", "077"]) {
    const state = join(sandbox.folder, `state-${umask}`);
    const run = await runChild({
      file: "/bin/sh",
      args: ["-c", `umask ${umask}; exec "$@"`, "sh", executable, ...pull],
      env: { ...sandbox.environment, BANGER_STATE_DIR: state },
    });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(fs.statSync(state).mode & 0o777).toBe(0o755);
    const modes = Object.entries(snapshotOf(state)).map(([path, what]) => `${path}: ${what}`);
    expect(modes.filter((line) => /: (file|folder) 0(?!644|755|700|600)/.test(line))).toEqual([]);
  }
});

test("row 22: a link in the place of the state folder is resolved once, at the start", async () => {
  await using server = await HttpServer.start();
  await using sandbox = await machine();
  const [first, second] = [join(sandbox.folder, "first"), join(sandbox.folder, "second")];
  fs.renameSync(sandbox.state, first);
  fs.mkdirSync(second);
  fs.symlinkSync(first, sandbox.state);
  const file = new URL(newer.tarball_url).pathname;
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  server.on(file, async (request) => {
    asked.resolve();
    await answer.promise;
    return serve(fs.readFileSync(bundles.bundlePath(newer)))(request);
  });
  sandbox.useMirrors(server.url);

  const run = sandbox.start([...pull, "--json"]);
  await asked.promise;
  fs.rmSync(sandbox.state);
  fs.symlinkSync(second, sandbox.state);
  answer.resolve();

  const { stdout, exitCode } = await run.done;
  expect(exitCode).toBe(0);
  expect(textAt(JSON.parse(stdout), "results.0.path")).toBe(join(first, "kernels/generic-6.12"));
  expect(fs.readdirSync(second)).toEqual([]);
  const manifest = fs.readFileSync(join(first, "kernels/generic-6.12/manifest.json"), "utf8");
  expect(manifest).toContain('"6.12.2"');
  recordFault({ row: 22, done: "link moved", exit: 0, code: "-", store: "as wanted" });
});

test("row 22: a link that leads nowhere is no state folder", async () => {
  await using sandbox = await machine();
  fs.renameSync(sandbox.state, `${sandbox.state}-before`);
  fs.symlinkSync("nowhere", sandbox.state);
  const before = snapshotOf(sandbox.folder);
  const run = await sandbox.banger([...pull, "--json"]);
  const document: unknown = JSON.parse(run.stdout);
  expect(run.exitCode).toBe(1);
  expect(textAt(document, "error.message")).toContain(sandbox.state);
  expect(snapshotOf(sandbox.folder)).toEqual(before);
  const code = textAt(document, "error.code");
  recordFault({ row: 22, done: "a link that leads nowhere", exit: 1, code, store: "same" });
});
