import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { documentOf, requireExit } from "../support/answers.ts";
import { type RunOptions, Sandbox } from "../support/sandbox.ts";

const answer = v.object({
  findings: v.number(),
  checks: v.array(
    v.object({
      check: v.string(),
      ok: v.boolean(),
      message: v.string(),
      fix: v.nullable(v.string()),
    }),
  ),
});
type Answer = v.InferOutput<typeof answer>;

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  offer("6.12.1");
});
afterEach(() => sandbox.dispose());

/** A catalog with one kernel; the patch level is its serial. */
function offer(version: string, daysOld = 0): void {
  const entries = [sandbox.bundle({ version })];
  const then = new Date(Date.now() - daysOld * 86_400_000).toISOString();
  const updated = then.replace(/\.\d+/, "");
  const serial = Number(version.split(".")[2]);
  const file = sandbox.writeCatalog(entries);
  writeFileSync(file, JSON.stringify({ version: 1, serial, updated, entries }));
}

async function diagnose(options: RunOptions = {}): Promise<Answer> {
  const result = await sandbox.banger(["doctor", "--json"], options);
  const document = v.parse(answer, documentOf(result, result.exitCode === 0 ? 0 : 7));
  const bad = document.checks.filter((check) => !check.ok);
  expect(document.findings).toBe(bad.length);
  expect(result.exitCode).toBe(bad.length === 0 ? 0 : 7);
  expect(bad.filter((check) => check.fix === null)).toEqual([]);
  return document;
}

/** What is said of one thing: the bad news first. */
function about(check: string, { checks }: Answer): Answer["checks"][number] | undefined {
  const found = checks.filter((item) => item.check === check);
  return found.find((item) => !item.ok) ?? found[0];
}

describe("doctor", () => {
  test("looks at everything that banger needs, and changes nothing", async () => {
    rmSync(sandbox.state, { recursive: true });
    const { checks } = await diagnose();
    expect(checks.map((item) => item.check).join(" ")).toBe(
      "state-folder disk kernels images catalog updates proxy certificates kvm qemu firecracker",
    );
    expect(existsSync(sandbox.state)).toBe(false);
    expect(about("state-folder", { findings: 0, checks })?.message).toContain("will be made");
  });

  test("prints a line for each check, and a fix for each finding", async () => {
    const { findings, checks } = await diagnose();
    const { stdout } = await sandbox.banger(["doctor"]);
    expect(stdout.match(/^(?:ok {5}|finding) /gm)).toHaveLength(checks.length);
    expect(stdout.match(/^ {8}fix: /gm) ?? []).toHaveLength(findings);
  });

  test("finds qemu and firecracker on PATH, or says where to get them", async () => {
    const programs = join(sandbox.folder, "programs");
    mkdirSync(programs);
    const lacking = await diagnose({ env: { PATH: programs } });
    expect(about("qemu", lacking)).toMatchObject({ ok: false });
    expect(about("qemu", lacking)?.fix).toContain("apt-get install qemu-system-");
    expect(about("firecracker", lacking)).toMatchObject({ ok: false });
    for (const name of ["qemu-system-x86_64", "qemu-system-aarch64", "firecracker"]) {
      writeFileSync(join(programs, name), "");
      chmodSync(join(programs, name), 0o755);
    }
    const complete = await diagnose({ env: { PATH: programs } });
    expect(about("qemu", complete)).toMatchObject({ ok: true });
    expect(about("firecracker", complete)).toMatchObject({
      ok: true,
      message: join(programs, "firecracker"),
    });
  });

  test("exits 0 when everything is well", async () => {
    const programs = join(sandbox.folder, "programs");
    mkdirSync(programs);
    for (const name of ["qemu-system-x86_64", "qemu-system-aarch64", "firecracker"]) {
      writeFileSync(join(programs, name), "");
      chmodSync(join(programs, name), 0o755);
    }
    const { checks } = await diagnose({ env: { PATH: programs } });
    const bad = checks.filter((item) => !item.ok).map((item) => item.check);
    // Whether there is a KVM is up to the machine.
    expect(bad.filter((check) => check !== "kvm")).toEqual([]);
  });

  test("finds a state folder that others can write to", async () => {
    chmodSync(sandbox.state, 0o777);
    const found = about("state-folder", await diagnose());
    expect(found).toMatchObject({ ok: false });
    expect(found?.fix).toBe(`make it yours alone: chmod go-w ${sandbox.state}`);
  });

  test("finds what a killed banger left", async () => {
    mkdirSync(join(sandbox.state, "kernels/.staging/0123456789abcdef"), { recursive: true });
    expect(about("state-folder", await diagnose())).toMatchObject({ ok: false });
    expect(existsSync(join(sandbox.state, "kernels/.staging/0123456789abcdef"))).toBe(true);
    requireExit(await sandbox.banger(["kernel", "list"]));
    expect(about("state-folder", await diagnose())).toMatchObject({ ok: true });
  });

  test("finds kernels that are outdated or damaged, and images without a kernel", async () => {
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
    const rootfs = new Uint8Array(65_536);
    rootfs.set([0x53, 0xef], 1024 + 0x38);
    writeFileSync(join(sandbox.work, "rootfs"), rootfs);
    const words = ["image", "register", "--name", "web", "--rootfs", "rootfs"];
    requireExit(await sandbox.banger([...words, "--kernel-ref", "generic-6.12"]));
    const well = await diagnose();
    expect(about("kernels", well)).toMatchObject({ ok: true });
    expect(about("images", well)).toMatchObject({ ok: true });

    offer("6.12.2");
    const outdated = about("kernels", await diagnose());
    expect(outdated).toMatchObject({ ok: false, message: "outdated: generic-6.12" });
    expect(outdated?.fix).toBe("banger kernel pull generic-6.12:x86_64");

    rmSync(join(sandbox.state, "kernels/generic-6.12/manifest.json"));
    const damaged = about("kernels", await diagnose());
    expect(damaged).toMatchObject({ ok: false });
    expect(damaged?.message).toContain("generic-6.12 (x86_64) is damaged");

    requireExit(await sandbox.banger(["kernel", "rm", "--force", "generic-6.12"]));
    const lost = about("images", await diagnose());
    expect(lost).toMatchObject({ ok: false, fix: expect.stringContaining("kernel pull") });
  });

  test("finds a catalog that is old, and one that cannot be used", async () => {
    expect(about("catalog", await diagnose())).toMatchObject({ ok: true });
    offer("6.12.1", 29);
    expect(about("catalog", await diagnose())).toMatchObject({ ok: true });
    offer("6.12.1", 31);
    const old = about("catalog", await diagnose());
    expect(old).toMatchObject({ ok: false, message: expect.stringContaining("31 days old") });
    expect(old?.fix).toContain("BANGER_CATALOG");
    writeFileSync(sandbox.catalog, "{}");
    const bad = about("catalog", await diagnose());
    expect(bad).toMatchObject({ ok: false });
    expect(bad?.message).toContain(sandbox.catalog);
  });

  test("finds a proxy that cannot be used, and never shows its credentials", async () => {
    const good = await diagnose({ env: { https_proxy: "http://me:secret@proxy.invalid:3128" } });
    expect(about("proxy", good)).toMatchObject({
      ok: true,
      message: "downloads go through http://***@proxy.invalid:3128",
    });
    const bare = await diagnose({ env: { https_proxy: "me:secret@proxy.invalid:3128" } });
    expect(about("proxy", bare)).toMatchObject({ ok: true });
    const bad = await diagnose({ env: { https_proxy: "socks5://me:secret@proxy.invalid" } });
    expect(about("proxy", bad)).toMatchObject({ ok: false });
    expect(JSON.stringify([good, bare, bad])).not.toContain("secret");
  });

  test("finds an SSL_CERT_FILE that is not there or holds no certificate", async () => {
    for (const file of ["/none", sandbox.catalog]) {
      const found = about("certificates", await diagnose({ env: { SSL_CERT_FILE: file } }));
      expect(found).toMatchObject({ ok: false });
      expect(found?.message).toContain(file);
    }
  });
});
