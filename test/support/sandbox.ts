/** A user's machine in a folder: the real executable, an empty home, a catalog and a mirror. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type BundleEntry, type BundleOptions, bundleFile, makeBundle } from "./bundle.ts";
import { type ChildOptions, type ChildResult, RunningChild } from "./child.ts";
import { type Snapshot, type SnapshotOptions, snapshotOf } from "./snapshot.ts";

export type { BundleEntry, BundleFiles, BundleOptions } from "./bundle.ts";
export { tarOf, zstdOf } from "./bundle.ts";
export type { ChildResult, RunningChild } from "./child.ts";
export { randomBytesOf, smallKernel } from "./small-kernel.ts";
export type { Snapshot } from "./snapshot.ts";

/** The file that {@link Sandbox.banger} runs: `BANGER_EXE`, else `build/banger` of this checkout. */
export function bangerExecutable(): string {
  const repository = resolve(import.meta.dirname, "../..");
  const file = resolve(repository, process.env["BANGER_EXE"] ?? "build/banger");
  if (!existsSync(file)) {
    throw new Error(`${file} is missing; run: make build`);
  }
  return file;
}

const bugMarks = /\bat .*\(.*:\d+:\d+\)|internal error|panic:|\.ts:\d+/;

/** Throws if the output holds what a user must never see: a stack trace or an internal error. */
export function assertNoBugShown(
  args: readonly string[],
  result: Pick<ChildResult, "stdout" | "stderr">,
): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const match = bugMarks.exec(result[stream]);
    if (match !== null) {
      const output = `stdout: ${result.stdout}\nstderr: ${result.stderr}`;
      throw new Error(
        `banger ${args.join(" ")} shows a bug on ${stream} ("${match[0]}")\n${output}`,
      );
    }
  }
}

/** What one run may have of its own. `env` is laid over the sandbox's; `undefined` removes a name. */
export type RunOptions = Omit<ChildOptions, "file" | "args" | "check">;

export interface SandboxOptions {
  /** Another place for the state folder, such as a file system of its own. */
  readonly state?: string;
  /** Another executable than {@link bangerExecutable}. */
  readonly executable?: string | undefined;
}

/**
 * @example
 * await using sandbox = new Sandbox();
 * sandbox.writeCatalog([sandbox.bundle()]);
 * sandbox.useMirrors();
 * const { exitCode } = await sandbox.banger(["kernel", "pull", "generic-6.12"]);
 */
export class Sandbox implements AsyncDisposable {
  readonly folder: string;
  /** HOME; empty at the start. */
  readonly home: string;
  /** BANGER_STATE_DIR; empty at the start. */
  readonly state: string;
  /** Where {@link bundle} writes. */
  readonly mirror: string;
  /** The working folder of every run; empty at the start. */
  readonly work: string;
  /** Where {@link writeCatalog} writes. */
  readonly catalog: string;
  readonly #executable: string | undefined;
  readonly #environment: Record<string, string | undefined>;
  readonly #children = new Set<RunningChild>();

  constructor(options: SandboxOptions = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "banger-test-"));
    this.#executable = options.executable;
    this.home = join(this.folder, "home");
    this.state = options.state ?? join(this.folder, "state");
    this.mirror = join(this.folder, "mirror");
    this.work = join(this.folder, "work");
    this.catalog = join(this.folder, "catalog.json");
    const temporary = join(this.folder, "tmp");
    for (const folder of [this.home, this.state, this.mirror, this.work, temporary]) {
      mkdirSync(folder, { recursive: true });
    }
    this.#environment = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.home,
      TMPDIR: temporary,
      BANGER_STATE_DIR: this.state,
    };
  }

  /** What {@link banger} runs. */
  get executable(): string {
    return this.#executable ?? bangerExecutable();
  }

  /** The environment of later runs. */
  get environment(): Readonly<Record<string, string | undefined>> {
    return { ...this.#environment };
  }

  /** Sets or (with `undefined`) removes a variable for later runs. */
  setEnv(name: string, value: string | undefined): void {
    this.#environment[name] = value;
  }

  /** Sets BANGER_MIRRORS for later runs. Default: the sandbox's own `mirror/`. */
  useMirrors(...bases: readonly string[]): void {
    this.setEnv("BANGER_MIRRORS", bases.length === 0 ? this.mirror : bases.join(","));
  }

  /** Puts a bundle into `mirror/` and returns its catalog entry. */
  bundle(options: BundleOptions = {}): BundleEntry {
    return makeBundle(this.mirror, options);
  }

  /** Where {@link bundle} put the tarball. */
  bundlePath(entry: Pick<BundleEntry, "tarball_url">): string {
    return join(this.mirror, bundleFile(entry));
  }

  /** Writes a file below `work/`, with its folders. @returns its path */
  write(name: string, contents: string | Uint8Array): string {
    const file = join(this.work, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
    return file;
  }

  /** Writes the catalog file and sets BANGER_CATALOG to it for later runs. Entries are not checked. */
  writeCatalog(entries: readonly object[], options: { readonly serial?: number } = {}): string {
    const { serial = 1 } = options;
    // Of today: of an old one banger says that it is old.
    const updated = `${new Date().toISOString().slice(0, 19)}Z`;
    const catalog = { version: 1, serial, updated, entries };
    writeFileSync(this.catalog, `${JSON.stringify(catalog, null, 2)}\n`);
    this.setEnv("BANGER_CATALOG", this.catalog);
    return this.catalog;
  }

  /**
   * Runs the real executable to its end; any exit code resolves.
   *
   * @throws if the output shows a stack trace or an internal error, or after the time limit
   */
  banger(args: readonly string[], options: RunOptions = {}): Promise<ChildResult> {
    return this.start(args, options).done;
  }

  /** Starts the real executable. What {@link banger} promises of the output holds for `done` too. */
  start(args: readonly string[], options: RunOptions = {}): RunningChild {
    return this.#spawn(this.executable, args, args, options);
  }

  /** Starts the real executable with nohup(1). */
  startWithNohup(args: readonly string[]): RunningChild {
    return this.#spawn("/usr/bin/nohup", [this.executable, ...args], args, {});
  }

  /** Starts banger-maint of this checkout; {@link start} for the rest. */
  startMaint(args: readonly string[], options: RunOptions = {}): RunningChild {
    const program = resolve(import.meta.dirname, "../../scripts/banger-maint");
    return this.#spawn(program, args, args, options);
  }

  /**
   * Runs the real executable in bash with shell text after it, over a real pipe: `| head -n 1`, `>&-`,
   * `>/dev/full`. The exit code is banger's own; 128 + N when signal N ended it.
   */
  bangerInShell(
    args: readonly string[],
    rest: string,
    options: RunOptions = {},
  ): Promise<ChildResult> {
    const script = `"$@" ${rest}; exit "\${PIPESTATUS[0]}"`;
    const words = ["-c", script, "bash", bangerExecutable(), ...args];
    return this.#spawn("/bin/bash", words, args, options).done;
  }

  /**
   * Runs the real executable on a terminal of its own, by script(1). Both outputs come together in
   * `stdout`, lines end in CR LF. `TERM` is `xterm-256color` unless `env` says otherwise.
   */
  bangerOnTerminal(
    args: readonly string[],
    options: RunOptions & { readonly columns?: number } = {},
  ): Promise<ChildResult> {
    const { columns = 80, ...others } = options;
    const command = [bangerExecutable(), ...args]
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(" ");
    const words = ["-qefc", `stty cols ${columns} rows 24; exec ${command}`, "/dev/null"];
    const env = { TERM: "xterm-256color", SHELL: "/bin/sh", ...options.env };
    return this.#spawn("/usr/bin/script", words, args, { ...others, env }).done;
  }

  /** The state folder as data, for "the store is byte for byte as before". */
  snapshot(options: SnapshotOptions = {}): Snapshot {
    return snapshotOf(this.state, options);
  }

  /** Remembers the state folder; the answer puts it back as it was. */
  keepState(): () => void {
    const kept = join(this.folder, `kept-${basename(this.state)}`);
    copyTree(this.state, kept);
    return () => {
      copyTree(kept, this.state);
    };
  }

  /** Becomes what another machine is: its store, its mirror and its catalog. */
  becomeLike(other: Sandbox): void {
    copyTree(other.state, this.state);
    copyTree(other.mirror, this.mirror);
    copyFileSync(other.catalog, this.catalog);
    this.setEnv("BANGER_CATALOG", this.catalog);
  }

  /** Kills what still runs and removes the folder. A state folder elsewhere is left. */
  async dispose(): Promise<void> {
    for (const child of this.#children) {
      child.killGroup();
    }
    await Promise.allSettled([...this.#children].map((child) => child.done));
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #spawn(
    file: string,
    words: readonly string[],
    args: readonly string[],
    options: RunOptions,
  ): RunningChild {
    const child = new RunningChild({
      ...options,
      file,
      args: words,
      cwd: options.cwd ?? this.work,
      env: { ...this.#environment, ...options.env },
      check: (result) => assertNoBugShown(args, result),
    });
    this.#children.add(child);
    return child;
  }
}

function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  if (!existsSync(from)) return;
  const { status, stderr } = spawnSync("/bin/cp", ["-a", from, to], { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`cp -a ${from} ${to} exited with ${String(status)}: ${stderr}`);
  }
}
