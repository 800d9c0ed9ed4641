/** What does not prove itself is not published: with real kernels, in real virtual machines. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileOfUrl, findEntry } from "../../src/core/catalog.ts";
import { parseBootProof } from "../../src/core/boot-proof.ts";
import { loadCatalog } from "../../src/io/catalog-file.ts";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { bootLimitMs } from "../support/boots.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");
const bundles = join(repository, "bundles");

let sandbox: Sandbox;
let out = "";
let catalog = "";

beforeAll(() => {
  sandbox = new Sandbox();
  out = join(sandbox.folder, "out");
  catalog = join(sandbox.folder, "maintained.json");
});
afterAll(() => sandbox.dispose());

function publish(...args: readonly string[]): Promise<ChildResult> {
  const places = ["--out", out, "--catalog", catalog, "--no-upload"];
  const words = ["publish", ...args, "--description", "for a test", ...places, "--json"];
  return sandbox.startMaint(words, { timeoutMs: bootLimitMs }).done;
}

async function importSmall(line: string, config: string | undefined): Promise<void> {
  const from = join(sandbox.work, line);
  mkdirSync(from);
  const kernel = smallKernel({ version: `${line}.1`, ...(config === undefined ? {} : { config }) });
  writeFileSync(join(from, "vmlinux"), kernel);
  const words = ["--from", from, "--distro", "generic", "--arch", "x86_64"];
  requireExit(await sandbox.banger(["kernel", "import", `generic-${line}`, ...words]));
}

describe("a kernel is not published, and nothing of it is left, when", () => {
  const bootable = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_ACPI=y\nCONFIG_PCI=y\nCONFIG_KVM_GUEST=y\n";
  test.each([
    ["it does not boot", "5.10", bootable, 1, "does not prove itself"],
    ["its configuration leaves no way to boot", "5.15", "CONFIG_PCI=y\n", 4, "has no way to boot"],
    [
      "its configuration is not known",
      "6.6",
      undefined,
      1,
      "configuration of generic-6.6 is not known",
    ],
  ])(
    "%s",
    async (_what, line, config, exitCode, words) => {
      await importSmall(line, config);
      for (const flags of [["--dry-run"], []]) {
        const refused = await publish(`generic-${line}:x86_64`, ...flags);
        expect(textAt(documentOf(refused, exitCode), "error.message")).toContain(words);
      }
      expect(existsSync(catalog)).toBe(false);
      expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
    },
    2 * bootLimitMs,
  );
});

test(
  "a kernel that proves itself is published with its proof, its features, and how it booted",
  async () => {
    sandbox.useMirrors(bundles);
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12:arm64"]));
    const document = documentOf(await publish("generic-6.12:arm64"));
    const boot = valueAt(document, "entry.boot");
    expect(boot).toEqual({
      vmm: "qemu",
      machine: "virt",
      accelerator: "tcg",
      kernel_ms: expect.any(Number),
    });
    const listed = loadCatalog(catalog);
    const entry = findEntry(listed, "generic-6.12", "arm64");
    expect(entry?.features).toContain("docker");
    const sidecar = entry?.sidecars?.find(({ kind }) => kind === "boot");
    const file = join(out, fileOfUrl(sidecar?.url ?? ""));
    const proof = parseBootProof(readFileSync(file, "utf8"), file);
    expect(proof).toMatchObject({
      arch: "arm64",
      tarball_sha256: entry?.tarball_sha256,
      vmlinux_sha256: entry?.vmlinux_sha256,
      root: "disk",
    });
    expect(new Set(proof.probes.map(({ status }) => status))).toEqual(new Set(["pass"]));
    const check = ["check-catalog", "--catalog", catalog, "--bundles", out];
    requireExit(await sandbox.startMaint(check, {}).done);
    writeFileSync(file, readFileSync(file, "utf8").replace('"pass"', '"absent"'));
    expect((await sandbox.startMaint(check, {}).done).exitCode).toBe(4);
  },
  2 * bootLimitMs,
);
