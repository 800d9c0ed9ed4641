/** Catalogs that are added beside banger's own, served by nginx and from folders. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import type { BundleOptions } from "../support/bundle.ts";
import { Nginx } from "../support/nginx.ts";
import { makeFileSystem } from "../support/root-file-systems.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";
import { inDays, type RepositoryState, SignedRepository } from "../support/signed-repository.ts";
import { catalogText } from "../support/update-world.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.setEnv("BANGER_HTTP_RETRIES", "0");
  sandbox.setEnv("https_proxy", "http://127.0.0.1:9");
});
afterEach(() => sandbox.dispose());

const run = (...args: readonly string[]): Promise<ChildResult> =>
  sandbox.banger([...args, "--json"]);

/** A company's repository that has its tarballs beside its metadata, and the file of its root. */
class Company {
  readonly name: string;
  readonly repository: SignedRepository;
  readonly rootFile: string;

  constructor(name: string, changes: Partial<RepositoryState> = {}) {
    this.name = name;
    const folder = join(sandbox.folder, name);
    this.repository = new SignedRepository(folder, catalogText(1), changes);
    this.rootFile = sandbox.write(`${name}-root.json`, this.repository.root);
  }

  get folder(): string {
    return this.repository.folder;
  }

  /** Publishes a catalog with one kernel. */
  publish(serial: number, options: BundleOptions): void {
    const entry = sandbox.bundle(options);
    cpSync(sandbox.mirror, this.folder, { recursive: true });
    rmSync(sandbox.bundlePath(entry));
    this.repository.publish(catalogText(serial, [entry]));
  }

  add(...args: readonly string[]): Promise<ChildResult> {
    return run("catalog", "add", this.name, this.folder, "--root", this.rootFile, ...args);
  }
}

const kernelOf = (seed: string): BundleOptions => ({
  version: "6.12.7",
  files: { vmlinux: smallKernel({ seed }) },
});

describe("a catalog that was added", () => {
  test("gives its kernels under its name, beside banger's own of the same name", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.1" })]);
    sandbox.useMirrors();
    requireExit(await run("kernel", "pull", "generic-6.12"));
    const acme = new Company("acme");
    acme.publish(5, kernelOf("acme"));
    expect(documentOf(await acme.add())).toMatchObject({ outcome: "added", name: "acme" });
    const pulled = documentOf(await run("kernel", "pull", "acme/generic-6.12"));
    expect(valueAt(pulled, "results.0")).toMatchObject({
      outcome: "installed",
      name: "acme/generic-6.12",
      kernel_version: "6.12.7",
      path: join(sandbox.state, "kernels/acme/generic-6.12"),
    });
    const listed = documentOf(await run("kernel", "list"));
    expect(listed).toMatchObject({
      kernels: [
        { name: "generic-6.12", kernel_version: "6.12.1", standing: "current" },
        { name: "acme/generic-6.12", kernel_version: "6.12.7", standing: "current" },
      ],
    });
    expect(documentOf(await run("kernel", "list", "--available"))).toMatchObject({
      entries: [{ name: "generic-6.12" }, { name: "acme/generic-6.12" }],
    });
    expect(documentOf(await run("kernel", "verify"))).toMatchObject({
      kernels: [
        { name: "generic-6.12", ok: true },
        { name: "acme/generic-6.12", ok: true },
      ],
    });
    expect(documentOf(await run("catalog", "list"))).toMatchObject({
      catalogs: [
        { name: "banger", place: null, from: "file" },
        { name: "acme", place: acme.folder, serial: 5, from: "updated" },
      ],
    });
  });

  test("is updated from its own place and no other, over http", async () => {
    const acme = new Company("acme");
    acme.publish(5, kernelOf("first"));
    await using nginx = await Nginx.start({ root: acme.folder });
    const added = await run("catalog", "add", "acme", nginx.url, "--root", acme.rootFile);
    requireExit(added);
    requireExit(await run("kernel", "pull", "acme/generic-6.12"));
    acme.publish(6, kernelOf("second"));
    // Somebody else's mirror knows nothing of it, and is not asked.
    sandbox.useMirrors(sandbox.work);
    expect(documentOf(await run("catalog", "update", "acme"))).toMatchObject({
      outcome: "updated",
      source: nginx.url,
      serial_before: 5,
      serial: 6,
    });
    expect(documentOf(await run("kernel", "outdated"), 7)).toMatchObject({
      kernels: [{ name: "acme/generic-6.12" }],
    });
    requireExit(await run("kernel", "pull", "acme/generic-6.12"));
    expect(documentOf(await run("kernel", "rollback", "acme/generic-6.12"))).toMatchObject({
      name: "acme/generic-6.12",
    });
  });

  test("cannot speak for another: its keys vouch for its own kernels alone", async () => {
    const acme = new Company("acme");
    const rival = new Company("rival");
    acme.publish(5, kernelOf("acme"));
    rival.publish(9, kernelOf("rival"));
    requireExit(await acme.add());
    requireExit(await rival.add());
    // The rival has taken over acme's server.
    rmSync(acme.folder, { recursive: true });
    cpSync(rival.folder, acme.folder, { recursive: true });
    const refused = documentOf(await run("catalog", "update", "acme"), 4);
    expect(textAt(refused, "error.message")).toMatch(/does not verify/);
    // And it has written to the state folder.
    const kept = join(sandbox.state, "catalogs");
    cpSync(join(kept, "rival.json"), join(kept, "acme.json"));
    expect(documentOf(await run("catalog", "status", "acme"))).toMatchObject({
      from: "nothing",
      entries: 0,
      repository: null,
    });
    const pulled = documentOf(await run("kernel", "pull", "acme/generic-6.12"), 3);
    expect(textAt(pulled, "error.hint")).toContain("banger catalog update acme");
    expect(documentOf(await run("catalog", "status", "rival"))).toMatchObject({ serial: 9 });
  });

  test("is not added when it does not verify, is expired, or the root is none", async () => {
    const acme = new Company("acme", { snapshot: { version: 1, expires: inDays(-1) } });
    const stranger = new Company("stranger");
    const refusals = [
      [["--root", stranger.rootFile], 4, /does not verify/],
      [["--root", acme.rootFile], 4, /has expired/],
      [["--root", sandbox.write("none.json", "{}")], 4, /is no root of trust/],
      [["--root", join(sandbox.work, "absent")], 3, /there is no file/],
    ] as const;
    for (const [args, exitCode, words] of refusals) {
      const refused = documentOf(
        await run("catalog", "add", "acme", acme.folder, ...args),
        exitCode,
      );
      expect(textAt(refused, "error.message")).toMatch(words);
    }
    expect(documentOf(await run("catalog", "list"))).toMatchObject({
      catalogs: [{ name: "banger" }],
    });
    requireExit(await acme.add("--accept-expired"));
    expect(documentOf(await acme.add())).toMatchObject({ outcome: "current" });
  });

  test("is added once by several at a time, and is there for all of them", async () => {
    const acme = new Company("acme");
    const added = await Promise.all([acme.add(), acme.add(), acme.add()]);
    const outcomes = added.map((result) => textAt(documentOf(result), "outcome"));
    expect(outcomes.toSorted()).toEqual(["added", "current", "current"]);
  });

  test("leaves a name alone that is taken", async () => {
    const acme = new Company("acme");
    requireExit(await acme.add());
    const other = new Company("other");
    const again = await run("catalog", "add", "acme", other.folder, "--root", other.rootFile);
    expect(textAt(documentOf(again, 1), "error.code")).toBe("refused");
    const own = await run("catalog", "add", "banger", other.folder, "--root", other.rootFile);
    expect(textAt(documentOf(own, 2), "error.code")).toBe("usage");
    const vmlinux = sandbox.write("vmlinux", smallKernel());
    const how = ["--from", vmlinux, "--distro", "x", "--arch", "x86_64"];
    requireExit(await run("kernel", "import", "other", ...how));
    expect(textAt(documentOf(await other.add(), 1), "error.message")).toMatch(/a kernel other/);
    expect(textAt(documentOf(await run("kernel", "import", "acme", ...how), 1), "error.code")).toBe(
      "bad-state",
    );
  });

  test("is forgotten by rm, and its kernels stay", async () => {
    const acme = new Company("acme");
    acme.publish(5, kernelOf("acme"));
    requireExit(await acme.add());
    requireExit(await run("kernel", "pull", "acme/generic-6.12"));
    expect(documentOf(await run("catalog", "rm", "acme", "--yes"))).toMatchObject({
      removed: [{ name: "acme", kernels: 1 }],
    });
    expect(documentOf(await run("kernel", "list"))).toMatchObject({
      kernels: [{ name: "acme/generic-6.12", standing: "unlisted" }],
    });
    requireExit(await run("kernel", "verify", "acme/generic-6.12"));
    const update = documentOf(await run("catalog", "update", "acme"), 3);
    expect(textAt(update, "error.message")).toMatch(/was removed/);
    requireExit(await run("kernel", "rm", "acme/generic-6.12", "--yes"));
    expect(documentOf(await run("catalog", "rm", "acme", "--yes"), 3)).toMatchObject({
      error: { code: "not-found" },
    });
  });

  test("gives kernels to images, and holds them for these", async () => {
    const acme = new Company("acme");
    acme.publish(5, kernelOf("acme"));
    requireExit(await acme.add());
    requireExit(await run("kernel", "pull", "acme/generic-6.12"));
    const rootfs = join(sandbox.work, "rootfs");
    makeFileSystem("ext4", rootfs);
    const register = ["image", "register", "--name", "vm", "--rootfs", rootfs, "--kernel-ref"];
    expect(documentOf(await run(...register, "acme/generic-6.12"))).toMatchObject({
      kernel: { catalog: "acme", name: "acme/generic-6.12", kernel_version: "6.12.7" },
    });
    const config = documentOf(await run("image", "config", "vm"));
    expect(textAt(config, "boot-source.kernel_image_path")).toBe(
      join(sandbox.state, "kernels/acme/generic-6.12/vmlinux"),
    );
    const refused = documentOf(await run("kernel", "rm", "acme/generic-6.12", "--yes"), 1);
    expect(textAt(refused, "error.hint")).toContain("kernel rm --force acme/generic-6.12");
    // Joined with another kernel, the image needs this one no more.
    sandbox.writeCatalog([sandbox.bundle()]);
    sandbox.useMirrors();
    requireExit(await run("kernel", "pull", "generic-6.12"));
    requireExit(await run(...register, "generic-6.12", "--force"));
    requireExit(await run("kernel", "rm", "acme/generic-6.12", "--yes"));
  });

  test("is told of in every answer about what is not there", async () => {
    const unknown = documentOf(await run("kernel", "pull", "nobody/generic-6.12"), 3);
    expect(textAt(unknown, "error.hint")).toContain("banger catalog add nobody");
    const acme = new Company("acme");
    acme.publish(5, kernelOf("acme"));
    requireExit(await acme.add());
    const close = documentOf(await run("kernel", "pull", "acme/generic-6.13"), 3);
    expect(textAt(close, "error.hint")).toContain("acme/generic-6.12");
    const absent = documentOf(await run("kernel", "check", "acme/generic-6.12"), 3);
    expect(textAt(absent, "error.hint")).toContain("banger kernel pull acme/generic-6.12");
    for (const odd of ["Acme/generic-6.12", "acme/../generic-6.12", "/generic-6.12", "acme/"]) {
      expect(textAt(documentOf(await run("kernel", "pull", odd), 2), "error.code")).toBe("usage");
    }
  });

  test("is taken from a folder as foreign tools lay it out, all files in one", async () => {
    const acme = new Company("acme", { consistent: false });
    acme.publish(5, kernelOf("acme"));
    const flat = join(sandbox.work, "flat");
    mkdirSync(flat);
    for (const part of ["metadata", "targets"]) {
      cpSync(join(acme.folder, part), flat, { recursive: true });
    }
    requireExit(await run("catalog", "add", "flat", flat, "--root", acme.rootFile));
    expect(documentOf(await run("catalog", "status", "flat"))).toMatchObject({ serial: 5 });
  });

  test("is told plainly when what was remembered of it is damaged", async () => {
    const acme = new Company("acme");
    requireExit(await acme.add());
    const file = join(sandbox.state, "catalogs/acme.source.json");
    expect(existsSync(file)).toBe(true);
    writeFileSync(file, readFileSync(file).subarray(0, 20));
    const listed = requireExit(await run("kernel", "list"));
    expect(listed.stderr).toContain("catalogs/acme.source.json is damaged");
    const refused = documentOf(await run("kernel", "pull", "acme/generic-6.12"), 1);
    expect(valueAt(refused, "error")).toMatchObject({ code: "bad-state" });
    expect(textAt(refused, "error.hint")).toContain(`rm ${file}`);
  });
});
