/** Which kernel a pull means: architectures, references, no name at all, several names. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { type BundleEntry, type ChildResult, Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
let entry: BundleEntry;
let kernels = "";

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  kernels = join(sandbox.state, "kernels");
  entry = sandbox.bundle();
  const older = sandbox.bundle({ name: "generic-6.1", version: "6.1.170" });
  sandbox.writeCatalog([older, entry, sandbox.bundle({ arch: "arm64" })]);
});
afterEach(() => sandbox.dispose());

function pull(...args: readonly string[]): Promise<ChildResult> {
  return sandbox.banger(["kernel", "pull", "--json", ...args]);
}

test("a kernel of another architecture goes to a folder with the architecture in its name", async () => {
  const result = documentOf(await pull("generic-6.12:arm64"));
  expect(textAt(result, "results.0.path")).toBe(join(kernels, "generic-6.12_arm64"));
  expect(existsSync(join(kernels, "generic-6.12"))).toBe(false);
  expect(documentOf(await pull("generic-6.12"))).toMatchObject({
    results: [{ arch: "x86_64", path: join(kernels, "generic-6.12") }],
  });
  requireExit(await sandbox.banger(["kernel", "verify"]));
});

test.each([
  [["generic-6.12:aarch64"], "arm64"],
  [["generic-6.12", "--arch", "aarch64"], "arm64"],
  [["generic-6.12:arm64", "--arch", "arm64"], "arm64"],
  [["generic-6.12:amd64"], "x86_64"],
  [["generic-6.12@6.12.1"], "x86_64"],
  [["generic-6.12:arm64@6.12.1"], "arm64"],
])("%j means the kernel for %s", async (args, arch) => {
  expect(documentOf(await pull(...args))).toMatchObject({ results: [{ arch }] });
});

test("@sha256 means the tarball of that hash", async () => {
  const { tarball_sha256 } = entry;
  const result = documentOf(await pull(`generic-6.12@sha256:${tarball_sha256}`));
  expect(result).toMatchObject({ results: [{ tarball_sha256 }] });
});

test.each([
  ["generic-6.12@6.12.2", 3, "does not have this build of generic-6.12: it has 6.12.1"],
  [`generic-6.12@sha256:${"0".repeat(64)}`, 3, "does not have this build"],
  ["generic-6.1:arm64", 3, "has no kernel generic-6.1 for arm64"],
  ["generic-6.13", 3, "has no kernel generic-6.13"],
  ["generic-6.12@sha256:abc", 2, "64 lower-case hexadecimal digits"],
  ["generic-6.12@", 2, "is not a kernel version"],
  ["generic-6.12@6.12.1@6.12.1", 2, "more than one : or @"],
  ["generic-6.12:riscv64", 2, "is not an architecture"],
  ["generic-6.12:", 2, "is not an architecture"],
  ["", 2, "is not a kernel name"],
  ["..", 2, "is not a kernel name"],
  ["a/b/c", 2, "is not a kernel name"],
  ["a/b", 3, "there is no catalog a"],
])("%j is refused with exit %d, and nothing is installed", async (reference, exitCode, message) => {
  const document = documentOf(await pull(reference), exitCode);
  expect(textAt(document, "error.message")).toContain(message);
  expect(await sandbox.banger(["kernel", "list", "--json"])).toMatchObject({
    stdout: `${JSON.stringify({ kernels: [] }, null, 2)}\n`,
  });
});

test(":ARCH and --arch that disagree are a usage error", async () => {
  const document = documentOf(await pull("generic-6.12:arm64", "--arch", "x86_64"), 2);
  expect(textAt(document, "error.message")).toContain("two architectures");
});

test("a typing error in the name gets the name that was meant", async () => {
  const document = documentOf(await pull("generik-6.12"), 3);
  expect(textAt(document, "error.hint")).toContain("did you mean generic-6.12?");
});

test("a kernel that there is for the other architecture only gets that one named", async () => {
  sandbox.writeCatalog([sandbox.bundle({ arch: "arm64" })]);
  const document = documentOf(await pull("generic-6.12"), 3);
  expect(textAt(document, "error.hint")).toContain("banger kernel pull generic-6.12:arm64");
});

test("without a name and without a terminal the recommended kernel is named, and none pulled", async () => {
  const result = await sandbox.banger(["kernel", "pull"]);
  expect(requireExit(result, 2).stderr).toContain("banger kernel pull generic-6.12\n");
  expect(sandbox.snapshot()).toEqual({});
});

test("without a name on a terminal the recommended kernel is offered, and pulled on yes", async () => {
  for (const [answer, exitCode] of [
    ["n\n", 2],
    ["y\n", 0],
  ] as const) {
    const run = sandbox.bangerOnTerminal(["kernel", "pull"], { stdin: answer, timeoutMs: 20_000 });
    expect(requireExit(await run, exitCode).stdout).toContain("Pull generic-6.12 (Linux 6.12.1)");
    expect(existsSync(join(kernels, "generic-6.12/vmlinux"))).toBe(exitCode === 0);
  }
});

test("without a name on a terminal nothing is asked with --quiet or --json", async () => {
  for (const flag of ["--quiet", "--json"]) {
    const run = sandbox.bangerOnTerminal(["kernel", "pull", flag], { timeoutMs: 20_000 });
    requireExit(await run, 2);
  }
});

test("an empty catalog has nothing to recommend, and says where to look", async () => {
  sandbox.writeCatalog([]);
  const result = await sandbox.banger(["kernel", "pull"]);
  expect(requireExit(result, 2).stderr).toContain("banger kernel list --available");
});

test("of several names each is done, and the first failure decides the exit code", async () => {
  sandbox.setEnv("BANGER_HTTP_RETRIES", "0");
  const cut = sandbox.bundle({
    name: "cut-1.0",
    version: "1.0.1",
    baseUrl: "https://127.0.0.1:1",
    entry: { size_bytes: 5 },
  });
  sandbox.writeCatalog([entry, cut, sandbox.bundle({ name: "last-1.0", version: "1.0.1" })]);
  const names = ["cut-1.0", "generic-6.12", "none-1.0", "last-1.0"];
  const document = documentOf(await pull(...names), 4);
  expect(document).toMatchObject({
    results: [
      { name: "cut-1.0", error: { code: "verification-failed" } },
      { name: "generic-6.12", outcome: "installed", error: null },
      { name: "none-1.0", error: { code: "not-found" } },
      { name: "last-1.0", outcome: "installed", error: null },
    ],
    error: { code: "verification-failed" },
  });
});

test("a name that stands twice is installed once", async () => {
  const document = documentOf(await pull("generic-6.12", "generic-6.12"));
  expect(document).toMatchObject({ results: [{ outcome: "installed" }, { outcome: "current" }] });
});
