/** The packages for npm, made of a release, installed from their tarballs without a network. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { type ChildResult, runChild, RunningChild } from "../support/child.ts";
import { HttpServer, stallAfter } from "../support/http-server.ts";
import { until } from "../support/processes.ts";
import { ownExecutable, ReleaseFolder, runScript } from "../support/release.ts";
import { bangerExecutable, Sandbox } from "../support/sandbox.ts";

const scope = "@acme";
const platform = ownExecutable.replace("banger-", "");

let releases: ReleaseFolder;
let packages: string;
let tarballs: readonly string[];
/** Where both packages are installed. */
let project: string;
let launcher: string;

beforeAll(async () => {
  releases = new ReleaseFolder();
  packages = join(releases.folder, "packages");
  const from = releases.make("release");
  runScript("make-packages.sh", ["--from", from, "--to", packages], {
    NPM_SCOPE: scope,
    GZIP_LEVEL: "1",
  });
  tarballs = readdirSync(packages).sort();
  project = newProject();
  requireExit(await install(project, tarballs));
  launcher = join(project, "node_modules/.bin/banger");
}, 240_000);
afterAll(() => releases[Symbol.dispose]());

function newProject(): string {
  const folder = mkdtempSync(join(releases.folder, "project-"));
  writeFileSync(join(folder, "package.json"), '{ "name": "project", "private": true }\n');
  return folder;
}

/** A home of its own, so that neither settings nor a cache of ours help. */
function npm(program: "npm" | "npx", args: readonly string[], cwd: string): Promise<ChildResult> {
  const home = join(releases.folder, "home");
  mkdirSync(home, { recursive: true });
  const env = { PATH: process.env["PATH"], HOME: home, npm_config_update_notifier: "false" };
  return runChild({ file: program, args, cwd, env, timeoutMs: 180_000 });
}

const install = (folder: string, names: readonly string[]): Promise<ChildResult> =>
  npm(
    "npm",
    [
      ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"],
      names.map((name) => join(packages, name)),
    ].flat(),
    folder,
  );

const manifestSchema = v.looseObject({
  name: v.string(),
  version: v.string(),
  optionalDependencies: v.optional(v.record(v.string(), v.string())),
});

const manifestOf = (name: string): v.InferOutput<typeof manifestSchema> => {
  const file = join(project, "node_modules", scope, name, "package.json");
  return v.parse(manifestSchema, JSON.parse(readFileSync(file, "utf8")));
};

describe("the packages", () => {
  test("are one to install and one a platform, of one exact version, and run nothing at installation", () => {
    const main = manifestOf("banger");
    const own = manifestOf(ownExecutable);
    expect(tarballs).toEqual([
      `acme-banger-${main.version}.tgz`,
      `acme-${ownExecutable}-${main.version}.tgz`,
    ]);
    expect(main.optionalDependencies).toEqual({
      [`${scope}/banger-linux-x64`]: main.version,
      [`${scope}/banger-linux-arm64`]: main.version,
    });
    expect(own).toMatchObject({ version: main.version, os: ["linux"], libc: ["glibc"] });
    expect(own["cpu"]).toEqual([platform.replace("linux-", "")]);
    for (const manifest of [main, own]) {
      expect(manifest["scripts"]).toBeUndefined();
      expect(manifest["dependencies"]).toBeUndefined();
    }
    expect(readdirSync(join(project, "node_modules", scope, ownExecutable)).sort()).toEqual([
      "LICENSE",
      "THIRD-PARTY-LICENSES.txt",
      "bin",
      "package.json",
      "sbom.cdx.json",
    ]);
  });

  test("carry the executable byte for byte, and npx runs it", async () => {
    const carried = join(project, "node_modules", scope, ownExecutable, "bin/banger");
    expect(readFileSync(carried).equals(readFileSync(bangerExecutable()))).toBe(true);
    const run = await npm("npx", ["--offline", "--no-install", "banger", "--version"], project);
    const own = spawnSync(bangerExecutable(), ["--version"], { encoding: "utf8" });
    expect(requireExit(run).stdout).toBe(own.stdout);
  }, 120_000);

  test("are refused when the release is not what its sums say", () => {
    const from = join(releases.folder, "release");
    writeFileSync(join(from, "banger.bash"), "else\n");
    const to = join(releases.folder, "others");
    expect(() => runScript("make-packages.sh", ["--from", from, "--to", to])).toThrow(
      /banger\.bash/,
    );
    expect(readdirSync(releases.folder)).not.toContain("others");
  });
});

describe("the launcher", () => {
  test("hands on words, output and exit codes", async () => {
    await using sandbox = new Sandbox({ executable: launcher });
    const list = await sandbox.banger(["kernel", "list", "--json"]);
    expect(documentOf(list)).toEqual({ kernels: [] });
    const wrong = requireExit(await sandbox.banger(["kernel", "pull", "no such name"]), 2);
    expect(wrong.stderr).toContain('"no such name"');
    requireExit(await sandbox.banger(["kernel", "show", "no-such-kernel"]), 3);
  });

  test.each([
    ["SIGTERM", 143, "terminated"],
    ["SIGINT", 130, "interrupted"],
    ["SIGHUP", 129, "hung-up"],
  ] as const)("hands on %s, and waits until the pull has stopped", async (signal, code, said) => {
    await using stalled = await StalledPull.start();
    const run = stalled.sandbox.start(stalled.words);
    await stalled.untilPartial();
    run.kill(signal);
    expect(textAt(documentOf(await run.done, code), "error.code")).toBe(said);
  });

  test("lets Ctrl-C on a terminal reach it once, not twice", async () => {
    await using stalled = await StalledPull.start();
    const { sandbox, words } = stalled;
    const run = new RunningChild({
      file: "/usr/bin/script",
      args: ["-qefc", ["exec", launcher, ...words].join(" "), "/dev/null"],
      env: { ...sandbox.environment, SHELL: "/bin/sh", TERM: "xterm" },
      cwd: sandbox.work,
      keepStdinOpen: true,
    });
    await stalled.untilPartial();
    run.child.stdin?.write("\u0003");
    const { exitCode, stdout } = await run.done;
    // The second one would have ended it at once, without a word.
    expect(stdout).toContain('"code": "interrupted"');
    expect(exitCode).toBe(130);
  });

  test("ends by the signal that the executable was killed by", async () => {
    await using stalled = await StalledPull.start();
    const run = stalled.sandbox.start(stalled.words);
    await stalled.untilPartial();
    const children = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, "utf8");
    // Where Node has execve, there is no child: it is the process itself.
    process.kill(Number(children.trim() === "" ? run.pid : children.trim()), "SIGKILL");
    expect((await run.done).signal).toBe("SIGKILL");
  });

  test("says what is missing when the platform's package is, and why that may be", async () => {
    const folder = newProject();
    requireExit(await install(folder, [`acme-banger-${manifestOf("banger").version}.tgz`]));
    const bare = join(folder, "node_modules/.bin/banger");
    const { stdout, stderr } = requireExit(await runChild({ file: bare, args: ["--version"] }), 1);
    expect(stdout).toBe("");
    expect(stderr).toStartWith(
      `banger: error: the package ${scope}/${ownExecutable} is not installed\nhint: `,
    );
    expect(stderr).toContain("--omit=optional");
  });

  test("says on which platforms there is a banger", async () => {
    const script = `Object.defineProperty(process, "platform", { value: "darwin" }); require(${JSON.stringify(launcher)})`;
    const run = await runChild({ file: "node", args: ["-e", script] });
    expect(requireExit(run, 1).stderr).toBe(
      `banger: error: there is no banger for darwin-${process.arch}, only for linux-x64 and linux-arm64\n`,
    );
  });
});

/** A pull, by the launcher, of a tarball that never comes to its end. */
class StalledPull implements AsyncDisposable {
  readonly sandbox: Sandbox = new Sandbox({ executable: launcher });
  readonly words: readonly string[] = ["kernel", "pull", "generic-6.12", "--json"];
  readonly #server: HttpServer;

  private constructor(server: HttpServer) {
    this.#server = server;
    const entry = this.sandbox.bundle();
    const bytes = readFileSync(this.sandbox.bundlePath(entry));
    server.on(new URL(entry.tarball_url).pathname, stallAfter(1000, bytes));
    this.sandbox.writeCatalog([entry]);
    this.sandbox.useMirrors(server.url);
    this.sandbox.setEnv("BANGER_HTTP_TIMEOUT", "60");
  }

  static async start(): Promise<StalledPull> {
    return new StalledPull(await HttpServer.start());
  }

  /** Waits for the part file. */
  async untilPartial(): Promise<void> {
    await until("a part file", () =>
      Object.keys(this.sandbox.snapshot()).find((path) => path.endsWith(".part")),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
    await this.#server.stop();
  }
}
