import { BangerError } from "../core/errors.ts";
import { cleaned, type ChildEnd, runChild } from "./child.ts";
import type { Variables } from "./environment.ts";

/** A folder in a git checkout. */
export interface Checkout {
  readonly folder: string;
  readonly environment: Variables;
  readonly signal: AbortSignal;
}

/** The user's name as git knows it; undefined when it knows none, or there is no git. */
export async function gitUserName(checkout: Checkout): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await git(checkout, ["config", "user.name"]);
    return exitCode === 0 && stdout.trim() !== "" ? stdout.trim() : undefined;
  } catch (error) {
    if (error instanceof BangerError && error.code === "failed") return undefined;
    throw error;
  }
}

/**
 * A file of the folder as every release tag has it; tags without the file are left out.
 *
 * @param name the file's name within the folder.
 * @param pattern which tags are releases, like `v*`.
 * @throws {BangerError} `failed`, when git cannot tell, as where there is no checkout or no such tag; `refused`, when
 * the checkout is a shallow one, which may lack tags.
 */
export async function taggedVersions(
  checkout: Checkout,
  name: string,
  pattern: string,
): Promise<ReadonlyMap<string, string>> {
  const shallow = requireDone(
    checkout,
    await git(checkout, ["rev-parse", "--is-shallow-repository"]),
  );
  if (shallow.trim() === "true") {
    throw new BangerError(
      "refused",
      `${checkout.folder} is a shallow clone: it may lack releases`,
      { hint: "git fetch --unshallow --tags" },
    );
  }
  const tags = requireDone(checkout, await git(checkout, ["tag", "--list", pattern]));
  if (tags.trim() === "") {
    throw new BangerError("failed", `${checkout.folder} has no release tags (${pattern})`);
  }
  const versions = new Map<string, string>();
  for (const tag of tags.split("\n").filter((line) => line !== "")) {
    const listed = await git(checkout, ["ls-tree", "--name-only", tag, "--", name]);
    if (requireDone(checkout, listed).trim() === "") continue;
    versions.set(tag, requireDone(checkout, await git(checkout, ["show", `${tag}:./${name}`])));
  }
  return versions;
}

function requireDone(checkout: Checkout, ended: ChildEnd): string {
  if (ended.exitCode === 0) return ended.stdout;
  const reason = ended.stderr.trim().split("\n")[0] ?? "";
  throw new BangerError("failed", `git cannot tell the releases of ${checkout.folder}: ${reason}`);
}

function git(checkout: Checkout, args: readonly string[]): Promise<ChildEnd> {
  return runChild({
    program: "git",
    args: ["-C", checkout.folder, ...args],
    environment: { ...cleaned(checkout.environment), LC_ALL: "C" },
    signal: checkout.signal,
  });
}
