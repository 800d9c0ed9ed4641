/** docs/formats/cli.md against the executable: every document, every key, every type. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { BangerError, type ErrorCode } from "../../src/core/errors.ts";
import { formatProvenance } from "../../src/core/provenance.ts";
import { documentOf, textAt, valueAt } from "../support/answers.ts";
import { buildFacts } from "../support/build-facts.ts";
import {
  commandsWithKeys,
  errorKeys,
  keysOf,
  problems,
  rowsOf,
} from "../support/documented-json.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";
import { SignedRepository } from "../support/signed-repository.ts";

const seenKeys = new Map<string, Set<string>>();

function check(command: string, result: ChildResult, exitCode = 0): unknown {
  const document = documentOf(result, exitCode);
  const seen = seenKeys.get(command) ?? new Set();
  seenKeys.set(command, seen);
  expect([...problems(document, keysOf(`\`banger ${command}\``), seen)]).toEqual([]);
  return document;
}

let sandbox: Sandbox;
const run = (...args: readonly string[]): Promise<ChildResult> =>
  sandbox.banger([...args, "--json"]);

const files = {
  vmlinux: smallKernel(),
  "initrd.img": "initrd",
  "modules/6.12.1/a.ko": "a",
  "modules/6.12.1/b.ko": { link: "a.ko" },
  "provenance.json": formatProvenance(buildFacts()),
};

/** What an entry may hold beyond what it must. */
const told = {
  vmlinux_sha256: "0".repeat(64),
  features: ["docker"],
  support: { upstream_eol: "2020-12-31", firecracker_until: "2020-01-31" },
  withdrawn: { reason: "bad", since: "2026-01-01T00:00:00Z", replaced_by: "generic-6.18" },
  boot: { vmm: "qemu", machine: "microvm", accelerator: "tcg", kernel_ms: 1360 },
  sidecars: [{ kind: "boot", url: "https://x.invalid/a", sha256: "0".repeat(64), size_bytes: 1 }],
};

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.writeCatalog([sandbox.bundle({ files }), sandbox.bundle({ arch: "arm64" })]);
  sandbox.useMirrors();
  writeFileSync(join(sandbox.work, "vmlinux"), smallKernel({ seed: "import" }));
  writeFileSync(join(sandbox.work, "rootfs"), "");
  truncateSync(join(sandbox.work, "rootfs"), 4_194_304);
  spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs")]);
});
afterAll(() => sandbox.dispose());

describe("with --json", () => {
  test("--version prints its document", async () => {
    check("--version", await run("--version"));
  });

  test("banger alone prints null, which is one document too", async () => {
    expect(documentOf(await run())).toBeNull();
  });

  test("kernel pull prints its document, also when one name of several fails", async () => {
    check("kernel pull", await run("kernel", "pull", "generic-6.12", "generic-6.12:arm64"));
    const mixed = check("kernel pull", await run("kernel", "pull", "nope-1.0", "generic-6.12"), 3);
    expect(mixed).toMatchObject({
      results: [{ name: "nope-1.0", error: { code: "not-found" } }, { outcome: "current" }],
      error: { code: "not-found" },
    });
  });

  test("kernel show prints its document, installed or not", async () => {
    check("kernel show", await run("kernel", "show", "generic-6.12"));
    const other = sandbox.bundle({ name: "debian-6.1", version: "6.1.9" });
    const catalog = sandbox.environment["BANGER_CATALOG"] ?? "";
    const before = readFileSync(catalog, "utf8");
    sandbox.writeCatalog([{ ...other, ...told }]);
    check("kernel show", await run("kernel", "show", "debian-6.1"));
    check("kernel list --available", await run("kernel", "list", "--available"));
    writeFileSync(catalog, before);
  });

  test("kernel path prints its document", async () => {
    check("kernel path", await run("kernel", "path", "generic-6.12", "modules"));
  });

  test("kernel import, export and rollback print their documents", async () => {
    const words = ["kernel", "import", "mine-1.0", "--distro", "mine", "--arch", "x86_64"];
    check("kernel import", await run(...words, "--from", "vmlinux"));
    writeFileSync(join(sandbox.work, "vmlinux"), smallKernel({ seed: "second" }));
    check("kernel import", await run(...words, "--from", "vmlinux"));
    check("kernel rollback", await run("kernel", "rollback", "mine-1.0"));
    check("kernel export", await run("kernel", "export", "mine-1.0", "out"));
  });

  test("image register, list and show print their documents", async () => {
    const words = ["image", "register", "--rootfs", "rootfs", "--kernel-ref", "generic-6.12"];
    check("image register", await run(...words, "--name", "a"));
    check("image register", await run(...words, "--name", "b", "--pin", "--boot-args", "quiet"));
    check("image list", await run("image", "list"));
    check("image show", await run("image", "show", "b"));
  });

  test("image config prints what it prints without --json", async () => {
    check("image config", await run("image", "config", "a"));
    const words = ["image", "config", "a", "--tap", "tap0", "--mac", "06:00:ac:10:00:02"];
    const all = [...words, "--vsock-cid", "3", "--vsock-uds", "v.sock"];
    const document = check("image config", await run(...all));
    expect(documentOf(await sandbox.banger(all))).toEqual(document);
  });

  test("kernel verify prints its document, also of a damaged kernel", async () => {
    check("kernel verify", await run("kernel", "verify"));
    check("kernel verify", await run("kernel", "verify", "--provenance"), 4);
    const shown = documentOf(await run("kernel", "path", "mine-1.0", "vmlinux"));
    writeFileSync(textAt(shown, "path"), "damage");
    const single = check("kernel verify", await run("kernel", "verify", "mine-1.0"), 4);
    expect(valueAt(single, "error.code")).toBe("verification-failed");
    expect(valueAt(single, "kernels.0.ok")).toBe(false);
    check("kernel verify", await run("kernel", "verify"), 4);
  });

  test("kernel check, diff and extract print theirs", async () => {
    const config = "# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_A=y\nCONFIG_B=1\n";
    const bare = join(sandbox.work, "bare-vmlinux");
    writeFileSync(bare, smallKernel());
    writeFileSync(join(sandbox.work, "vmlinux-a"), smallKernel({ config }));
    writeFileSync(
      join(sandbox.work, "vmlinux-b"),
      smallKernel({ config: "CONFIG_B=2\nCONFIG_INITRD_ROOT=y\nCONFIG_VIRTIO_BLK=y\n" }),
    );
    const bootable = ["VIRTIO_BLK", "VIRTIO_MMIO", "EXT4_FS", "ACPI", "PCI", "KVM_GUEST"];
    const good = smallKernel({ config: bootable.map((name) => `CONFIG_${name}=y\n`).join("") });
    writeFileSync(join(sandbox.work, "vmlinux-c"), good);
    check("kernel check", await run("kernel", "check", bare), 7);
    check("kernel check", await run("kernel", "check", "vmlinux-c", "--needs", "xfs"), 7);
    check("kernel check", await run("kernel", "check", "vmlinux-c", "gone"), 3);
    check("kernel diff", await run("kernel", "diff", "vmlinux-a", "vmlinux-b"));
    check("kernel diff", await run("kernel", "diff", bare, "vmlinux-b"));
    writeFileSync(join(sandbox.work, "wrapped.gz"), gzipSync(smallKernel()));
    check("kernel extract", await run("kernel", "extract", "wrapped.gz", "-o", "extracted"));
  });

  test("kernel boot and image boot print theirs, also of a kernel that does not boot", async () => {
    const words = ["--timeout", "5"];
    check("kernel boot", await run("kernel", "boot", "vmlinux-c", ...words), 1);
    check("image boot", await run("image", "boot", "a", ...words), 1);
  }, 60_000);

  test("kernel list prints its documents, also of a kernel without a manifest", async () => {
    check("kernel list", await run("kernel", "list"));
    rmSync(join(sandbox.state, "kernels/mine-1.0/manifest.json"));
    const listed = check("kernel list", await run("kernel", "list"));
    expect(valueAt(listed, "kernels.2")).toMatchObject({ name: "mine-1.0", standing: "damaged" });
    check("kernel list --available", await run("kernel", "list", "--available", "--all-arch"));
  });

  test("kernel outdated prints its document, and gc too", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.2" })], { serial: 2 });
    check("kernel outdated", await run("kernel", "outdated"), 7);
    const list = check("kernel list --available", await run("kernel", "list", "-a"));
    expect(valueAt(list, "entries.0.standing")).toBe("outdated");
    check("kernel pull", await run("kernel", "pull", "generic-6.12"));
    check("kernel outdated", await run("kernel", "outdated"));
    check("kernel pull", await run("kernel", "pull", "--force", "generic-6.12"));
    check("image rm", await run("image", "rm", "a", "b"));
    check("image rm", await run("image", "rm", "a", "b"), 3);
    check("kernel rm", await run("kernel", "rm", "generic-6.12", "nope-1.0"), 3);
    check("kernel rm", await run("kernel", "rm", "generic-6.12:arm64", "mine-1.0"));
    const parts = join(sandbox.state, "kernels/.parts");
    writeFileSync(join(parts, `${"a".repeat(64)}.part`), "x");
    check("kernel gc", await run("kernel", "gc", "--dry-run"));
    check("kernel gc", await run("kernel", "gc"));
  });

  test("the commands of catalog print their documents", async () => {
    const text = readFileSync(sandbox.catalog, "utf8").replace(/"serial": \d+/, '"serial": 99999');
    const repository = new SignedRepository(join(sandbox.folder, "repository"), text);
    const executable = rootedExecutable(sandbox.folder, repository.root);
    await using machine = new Sandbox({ executable });
    const catalog = (...args: readonly string[]): Promise<ChildResult> =>
      machine.banger(["catalog", ...args, "--json"]);
    check("catalog status", await catalog("status"));
    check("catalog update", await catalog("update", "--from", repository.folder));
    check("catalog status", await catalog("status"));
    check("catalog show", await catalog("show"));
    const root = machine.write("root.json", repository.root);
    check("catalog add", await catalog("add", "acme", repository.folder, "--root", root));
    check("catalog list", await catalog("list"));
    check("catalog rm", await catalog("rm", "acme", "--yes"));
  }, 120_000);

  test("mirror sync prints its document", async () => {
    check("mirror sync", await run("mirror", "sync", "mirrored"));
    check("mirror sync", await run("mirror", "sync", "mirrored", "--prune"));
  });

  test("what is withdrawn and past its end is told by all that tell of it", async () => {
    const entry = sandbox.bundle({ version: "6.12.2" });
    sandbox.writeCatalog([entry], { serial: 3 });
    check("kernel pull", await run("kernel", "pull", "generic-6.12"));
    sandbox.writeCatalog([{ ...entry, ...told }], { serial: 4 });
    check("kernel pull", await run("kernel", "pull", "generic-6.12"));
    check("kernel list", await run("kernel", "list"));
    check("kernel show", await run("kernel", "show", "generic-6.12"));
    check("kernel outdated", await run("kernel", "outdated"));
    const { support } = told;
    sandbox.writeCatalog([{ ...sandbox.bundle({ version: "6.12.3" }), support }], { serial: 5 });
    check("kernel outdated", await run("kernel", "outdated"), 7);
  });

  test("doctor and completion print their documents", async () => {
    const doctor = await run("doctor");
    check("doctor", doctor, doctor.exitCode === 0 ? 0 : 7);
    check("completion", await run("completion", "bash"));
  });

  test("every key and every command of docs/formats/cli.md was met", () => {
    expect([...seenKeys.keys()].sort()).toEqual(commandsWithKeys.toSorted());
    for (const [command, seen] of seenKeys) {
      const places = keysOf(`\`banger ${command}\``).map((key) => key.place);
      expect([command, ...places.filter((place) => !seen.has(place))]).toEqual([command]);
    }
  });

  test.each<[ErrorCode, readonly string[]]>([
    ["usage", ["--bogus"]],
    ["usage", ["kernle"]],
    ["usage", ["kernel"]],
    ["usage", ["kernel", "pull", "../x"]],
    ["usage", ["kernel", "pull"]],
    ["usage", ["kernel", "import", "x"]],
    ["usage", ["completion", "tcsh"]],
    ["not-found", ["kernel", "pull", "nope-1.0"]],
    ["not-found", ["kernel", "show", "nope-1.0"]],
    ["not-found", ["kernel", "path", "nope-1.0"]],
    ["not-found", ["kernel", "verify", "nope-1.0"]],
    ["not-found", ["kernel", "rm", "nope-1.0"]],
    ["not-found", ["kernel", "export", "nope-1.0", "x"]],
    ["not-found", ["kernel", "rollback", "nope-1.0"]],
    ["not-found", ["image", "show", "nope"]],
    ["not-found", ["image", "rm", "nope"]],
    ["not-found", ["image", "config", "nope"]],
    ["io", ["image", "register", "--name", "a", "--rootfs", "none", "--kernel-ref", "nope-1.0"]],
  ])("an error is one document: %s of %j", async (code, args) => {
    const { exitCode } = new BangerError(code, "");
    const seen = new Set<string>();
    const document = documentOf(await run(...args), exitCode);
    expect([...problems(document, errorKeys, seen)]).toEqual([]);
    expect(textAt(document, "error.code")).toBe(code);
    const row = rowsOf("Exit codes", "exit").find((cells) => cells[2]?.includes(`\`${code}\``));
    expect(row?.[1]).toBe(String(exitCode));
  });
});
