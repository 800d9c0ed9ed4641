import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { type BucketKind, Publishing, removeCertificates } from "../support/publishing.ts";

afterAll(removeCertificates);

let site: Publishing;
let before = "";

const kinds: readonly BucketKind[] = ["s3", "local"];

/** Two entries; the files of `generic-6.12` are published. */
async function prepare(kind: BucketKind, ...flagsOfOther: readonly string[]): Promise<void> {
  site = await Publishing.start(kind);
  for (const [name, version] of [
    ["generic-6.1", "6.1.9"],
    ["generic-6.12", "6.12.1"],
  ] as const) {
    await site.importKernel({ version });
    requireExit(await site.publish(name, ...(name === "generic-6.1" ? flagsOfOther : [])));
  }
  before = site.catalogText();
}

function git(...args: readonly string[]): void {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@kernels.invalid"];
  const { status, stderr } = spawnSync("git", ["-C", site.checkout, ...identity, ...args], {
    encoding: "utf8",
    env: { ...site.sandbox.environment, LC_ALL: "C" },
  });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
}

/** A checkout with a release whose catalog is not this one. */
function releaseWithoutIt(): void {
  git("init", "-q");
  git("commit", "-q", "--allow-empty", "-m", "first");
  git("tag", "v0.0.1");
}

function remove(...flags: readonly string[]): ReturnType<Publishing["maint"]> {
  return site.maint(["remove", "generic-6.12:x86_64", ...flags]);
}

function resultsOf(document: unknown): readonly string[] {
  return [0, 1, 2].map((index) => textAt(document, `objects.${index}.result`));
}

afterEach(async () => {
  await site[Symbol.asyncDispose]();
});

for (const kind of kinds) {
  describe(`remove, with a bucket of rclone's type ${kind}`, () => {
    beforeEach(() => prepare(kind));

    test("--delete-remote deletes its files and no others, where no release names them", async () => {
      releaseWithoutIt();
      const would = documentOf(await remove("--delete-remote", "--dry-run", "--json"));
      expect(resultsOf(would)).toEqual(["would-delete", "would-delete", "would-delete"]);
      expect(site.keys()).toHaveLength(6);
      expect(site.catalogText()).toBe(before);
      const done = documentOf(await remove("--delete-remote", "--json"));
      expect(resultsOf(done)).toEqual(["deleted", "deleted", "deleted"]);
      expect(site.keys()).toHaveLength(3);
      requireExit(await site.maint(["check"]));
    });
  });
}

describe("remove", () => {
  test("wants an entry, not a build of it, and no flag that does nothing", async () => {
    const words = ["remove", "generic-6.12:x86_64@6.12.1"];
    requireExit(await site.maint([...words, "--dry-run"]), 2);
    requireExit(await remove("--break-releases", "--dry-run"), 2);
    expect(site.catalogText()).toBe(before);
  });

  beforeEach(() => prepare("local", "--no-upload"));

  test("takes the entry out and prints what would delete its files", async () => {
    const result = requireExit(await remove());
    const [first = "", second = ""] = result.stdout.split("\n");
    expect(first).toMatch(
      /^rclone deletefile r2:.*banger-kernels\/generic-6\.12-x86_64-.*\.tar\.zst$/,
    );
    expect(second).toMatch(/^rclone deletefile r2:.*banger-kernels\/generic-6\.12-.*\.json$/);
    expect(site.catalogText()).not.toContain("generic-6.12");
    expect(site.catalogText()).toContain("generic-6.1-x86_64");
    expect(valueAt(JSON.parse(site.catalogText()), "serial")).toBe(3);
    expect(site.keys()).toHaveLength(3);
  });

  test("run again after half of it was deleted, it finishes", async () => {
    releaseWithoutIt();
    const [first = ""] = site.keys();
    unlinkSync(join(site.sandbox.environment["RCLONE_BUCKET"] ?? "", first));
    const done = documentOf(await remove("--delete-remote", "--json"));
    expect([...resultsOf(done)].sort()).toEqual(["absent", "deleted", "deleted"]);
    expect(site.keys()).toEqual([]);
    expect(site.catalogText()).not.toContain("generic-6.12");
  });

  test("deletes nothing that the catalog of a release tag names, unless releases may break", async () => {
    git("init", "-q");
    git("add", "catalog");
    git("commit", "-q", "-m", "catalog");
    git("tag", "v0.1.0");
    git("tag", "other");
    const result = await remove("--delete-remote", "--json");
    const document = documentOf(result, 1);
    expect(textAt(document, "error.code")).toBe("refused");
    expect(textAt(document, "error.message")).toEndWith(": v0.1.0");
    expect(result.stderr).toContain("--break-releases");
    expect(site.keys()).toHaveLength(3);
    expect(site.catalogText()).toBe(before);
    requireExit(await remove("--delete-remote", "--break-releases"));
    expect(site.keys()).toEqual([]);
  });

  test("a tag that is no release, and a release without the entry, keep nothing", async () => {
    git("init", "-q");
    git("add", "catalog");
    git("commit", "-q", "-m", "catalog");
    git("tag", "try-1");
    requireExit(await remove());
    git("commit", "-q", "-a", "-m", "without");
    git("tag", "v0.2.0");
    requireExit(await site.publish("generic-6.12"));
    requireExit(await remove("--delete-remote"));
    expect(site.keys()).toEqual([]);
  });

  test("deletes nothing where it cannot tell the releases", async () => {
    const outside = documentOf(await remove("--delete-remote", "--json"), 1);
    expect(textAt(outside, "error.code")).toBe("refused");
    expect(textAt(outside, "error.message")).toContain("not a git repository");
    git("init", "-q");
    git("add", "catalog");
    git("commit", "-q", "-m", "one");
    const untagged = documentOf(await remove("--delete-remote", "--json"), 1);
    expect(textAt(untagged, "error.code")).toBe("refused");
    expect(textAt(untagged, "error.message")).toContain("no release tags");
    git("commit", "-q", "--allow-empty", "-m", "two");
    git("clone", "-q", "--depth", "1", `file://${site.checkout}`, "shallow");
    const words = ["remove", "generic-6.12:x86_64", "--delete-remote", "--json"];
    const catalog = ["--catalog", `${site.checkout}/shallow/catalog/catalog.json`];
    const shallow = documentOf(await site.maint([...words, ...catalog]), 1);
    expect(textAt(shallow, "error.message")).toContain("is a shallow clone");
    expect(site.keys()).toHaveLength(3);
    expect(site.catalogText()).toBe(before);
  });

  test("--dry-run changes nothing", async () => {
    const document = documentOf(await remove("--dry-run", "--json"));
    expect(document).toMatchObject({ dry_run: true, serial: 3 });
    expect(resultsOf(document)).toEqual(["left", "left", "left"]);
    expect(site.catalogText()).toBe(before);
  });

  test("a bucket that cannot be reached leaves the catalog as it is", async () => {
    releaseWithoutIt();
    const words = ["remove", "generic-6.12:x86_64", "--delete-remote", "--json"];
    const result = await site.maint(words, { RCLONE_REMOTE: "elsewhere" });
    expect(textAt(documentOf(result, 1), "error.code")).toBe("failed");
    expect(site.catalogText()).toBe(before);
  });

  test("an entry that is not there is told of, with what may be meant", async () => {
    const result = await site.maint(["remove", "generic-6.12:arm64", "--json"]);
    expect(textAt(documentOf(result, 3), "error.code")).toBe("not-found");
    expect(result.stderr).toContain("hint: did you mean generic-6.12:x86_64?");
    requireExit(await site.maint(["remove", "generic-6.13:x86_64"]), 3);
    expect(site.catalogText()).toBe(before);
  });
});
