/** A copy of this checkout as it is now, to build and publish in without touching this one. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ChildResult, runChild } from "./child.ts";

const root = resolve(import.meta.dirname, "../..");
/** Nobody else's files are readable or writable for this user. */
export const nobody = 65_534;

export interface CheckoutRun {
  readonly env?: Readonly<Record<string, string>>;
  /** Who runs it; only root can be somebody else. */
  readonly uid?: number | undefined;
  readonly umask?: string;
  readonly timeoutMs?: number;
}

export class Checkout implements Disposable {
  readonly folder: string;
  readonly root: string;
  readonly home: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "banger-checkout-"));
    chmodSync(this.folder, 0o755);
    this.root = join(this.folder, "banger");
    this.home = join(this.folder, "home");
    for (const folder of [this.root, this.home]) mkdirSync(folder);
    const listed = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    const files = execFileSync("git", listed, { cwd: root, encoding: "utf8" })
      .split("\0")
      .filter((file) => file !== "" && !/^bundles\/.*\.zst$/.test(file))
      // What was deleted is listed until it is committed.
      .filter((file) => existsSync(join(root, file)));
    execFileSync("cp", ["-a", "--parents", "--", ...files, this.root], { cwd: root });
    symlinkSync(join(root, "node_modules"), join(this.root, "node_modules"));
  }

  /** Gives everything to another user. */
  giveTo(uid: number): void {
    execFileSync("chown", ["-R", `${uid}:${uid}`, this.folder]);
  }

  /** Runs a program of the checkout, in the checkout, with an empty home. */
  run(program: string, args: readonly string[], options: CheckoutRun = {}): Promise<ChildResult> {
    const { uid, umask = "022" } = options;
    const command = [
      "sh",
      "-c",
      `umask ${umask}; exec "$@"`,
      "-",
      join(this.root, program),
      ...args,
    ];
    const user =
      uid === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
    const [file = "sh", ...rest] = [...user, ...command];
    return runChild({
      file,
      args: rest,
      cwd: this.root,
      env: { PATH: process.env["PATH"], HOME: this.home, ...options.env },
      timeoutMs: options.timeoutMs ?? 60_000,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
