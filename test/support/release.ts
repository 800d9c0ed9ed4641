/** A release of this checkout, put together from build/banger as `make release` does it. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ChildResult, RunningChild } from "./child.ts";
import { bangerExecutable } from "./sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");

/** The executable of this machine in a release. */
export const ownExecutable: string =
  process.arch === "arm64" ? "banger-linux-arm64" : "banger-linux-x64";

/** A folder for releases, with one executable to make them from: that of this machine. */
export class ReleaseFolder implements Disposable {
  /** May be served: a release `x` is in its folder `x`. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "banger-release-"));
  readonly #built: string;

  constructor() {
    this.#built = join(this.folder, "built");
    mkdirSync(this.#built);
    copyFileSync(bangerExecutable(), join(this.#built, ownExecutable));
  }

  /**
   * Runs scripts/make-release.sh.
   *
   * @param environment laid over ours.
   * @param more a tag.
   * @returns the folder of the release.
   * @throws with all that it says, when it fails.
   */
  make(
    name: string,
    environment: Readonly<Record<string, string>> = {},
    more: readonly string[] = [],
  ): string {
    const to = join(this.folder, name);
    runScript("make-release.sh", ["--from", this.#built, "--to", to, ...more], environment);
    return to;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a script of the repository. @throws with all that it says, when it fails */
export function runScript(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr } = spawnSync(join(repository, "scripts", name), args, {
    encoding: "utf8",
    env: { ...process.env, SOURCE_DATE_EPOCH: "", ...environment },
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** Runs Debian's minisign. @throws with what it says, when it fails */
export function minisign(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("minisign", args, { encoding: "utf8", input: "" });
  if (status !== 0) throw new Error(`minisign ended with ${status}: ${stderr}`);
}

/** Makes FILE, a secret key without a passphrase, and FILE.pub. @returns the public key, as minisign -P takes it */
export function makeMinisignKey(file: string): string {
  minisign("-G", "-W", "-s", file, "-p", `${file}.pub`);
  return readFileSync(`${file}.pub`, "utf8").trim().split("\n").at(-1) ?? "";
}

/** A program, or its words. */
export type Shell = readonly [string, ...string[]];

export interface InstallOptions {
  /** HOME; the only folder that it may write to. */
  readonly home: string;
  readonly args?: readonly string[];
  readonly shell?: Shell;
  /** Laid over PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts an install.sh from its standard input, as `curl … | sh` does. */
export function startInstaller(script: string | Uint8Array, options: InstallOptions): RunningChild {
  const { home, args = [], shell = ["dash"], env = {} } = options;
  const [file, ...words] = shell;
  return new RunningChild({
    file,
    args: [...words, "-s", "--", ...args],
    cwd: home,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: home, ...env },
    stdin: script,
  });
}

/** Runs an install.sh to its end. @see startInstaller */
export function runInstaller(
  script: string | Uint8Array,
  options: InstallOptions,
): Promise<ChildResult> {
  return startInstaller(script, options).done;
}

/**
 * A folder with the programs that install.sh needs, and those that are named.
 *
 * @param parent where it is made.
 */
export function programFolder(parent: string, ...names: readonly string[]): string {
  const folder = mkdtempSync(join(parent, "bin-"));
  const needed =
    "awk chmod cp dash dirname grep id ls mkdir mktemp mv rm sha256sum sync uname".split(" ");
  for (const name of [...needed, ...names]) {
    const file = Bun.which(name);
    if (file === null) throw new Error(`there is no ${name}`);
    symlinkSync(file, join(folder, name));
  }
  return folder;
}
