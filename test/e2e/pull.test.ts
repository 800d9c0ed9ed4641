import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  lstatSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { straceInject } from "../support/strace.ts";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { HttpServer, serve } from "../support/http-server.ts";
import {
  type BundleOptions,
  type ChildResult,
  type RunOptions,
  Sandbox,
  smallKernel,
} from "../support/sandbox.ts";

let sandbox: Sandbox;
let kernels = "";

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  kernels = join(sandbox.state, "kernels");
});
afterEach(() => sandbox.dispose());

/** A catalog with one entry, `generic-6.12`, unless told otherwise. */
function offer(options: BundleOptions = {}, serial = 1): ReturnType<Sandbox["bundle"]> {
  const entry = sandbox.bundle({ baseUrl: "https://127.0.0.1:1", ...options });
  sandbox.writeCatalog([entry], { serial });
  return entry;
}

function pull(...args: readonly string[]): Promise<ChildResult> {
  return sandbox.banger(["kernel", "pull", "--json", ...args]);
}

async function outcome(...args: readonly string[]): Promise<unknown> {
  return valueAt(documentOf(await pull(...args)), "results.0.outcome");
}

async function versionNow(name = "generic-6.12"): Promise<unknown> {
  const shown = await sandbox.banger(["kernel", "show", name, "--json"]);
  return valueAt(documentOf(shown), "installed.kernel_version");
}

/** How often a pull asks for huge pages. */
async function askedForHugePages(): Promise<number> {
  const { result, calls } = await straceInject({
    file: sandbox.executable,
    args: ["kernel", "pull", "generic-6.12"],
    env: sandbox.environment,
    syscalls: ["madvise"],
    rules: [],
  });
  requireExit(result);
  return calls.filter(({ text }) => text.includes("MADV_HUGEPAGE")).length;
}

/** No mirror has anything. */
const offline: RunOptions = {
  env: { BANGER_MIRRORS: "/none,http://127.0.0.1:1", BANGER_HTTP_RETRIES: "0" },
};

describe("kernel pull", () => {
  test("installs what the bundle holds, byte for byte, readable by all", async () => {
    const files = {
      vmlinux: smallKernel(),
      "initrd.img": "initrd",
      "modules/6.12.1/a.ko": "module",
      "modules/6.12.1/latest": { link: "a.ko" },
      "kernel.config": "CONFIG_A=y\n",
      "provenance.json": "{}",
    };
    const entry = offer({ files });
    const result = requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(`is installed in ${kernels}/generic-6.12`);
    const folder = join(kernels, "generic-6.12");
    expect(readlinkSync(folder)).toMatch(/^\.store\/generic-6\.12-[0-9a-f]{12}-[0-9a-f]{8}$/);
    for (const [name, contents] of Object.entries(files)) {
      if (typeof contents === "object" && "link" in contents) {
        expect(readlinkSync(join(folder, name))).toBe(contents.link);
      } else {
        expect(readFileSync(join(folder, name))).toEqual(Buffer.from(contents));
        expect(statSync(join(folder, name)).mode & 0o7777).toBe(0o644);
      }
    }
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: "generic-6.12",
      source: "catalog",
      tarball_sha256: entry.tarball_sha256,
      tarball_url: entry.tarball_url,
      catalog_serial: 1,
      links: [{ path: "modules/6.12.1/latest", target: "a.ko" }],
    });
    const left = Object.keys(sandbox.snapshot()).filter((path) =>
      /\.part|staging\/|trash\//.test(path),
    );
    expect(left).toEqual(["kernels/.parts"]);
  });

  test("says that what is installed and current is so, without touching network or store", async () => {
    await using server = await HttpServer.start();
    offer();
    expect(await outcome("generic-6.12")).toBe("installed");
    const before = sandbox.snapshot();
    const result = await sandbox.banger(["kernel", "pull", "generic-6.12"], {
      env: { BANGER_MIRRORS: `/none,${server.url}` },
    });
    expect(requireExit(result).stderr).toContain("is installed and up to date");
    expect(server.connections).toBe(0);
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("replaces an older build, keeps it, and goes back and forth by rollback", async () => {
    const [first, second] = [smallKernel({ seed: 1 }), smallKernel({ seed: 2 })];
    offer({ files: { vmlinux: first } });
    await pull("generic-6.12");
    offer({ files: { vmlinux: second }, version: "6.12.2" }, 2);
    expect(await outcome("generic-6.12")).toBe("updated");
    const image = join(kernels, "generic-6.12/vmlinux");
    for (const [version, contents] of [
      ["6.12.1", first],
      ["6.12.2", second],
      ["6.12.1", first],
    ] as const) {
      requireExit(await sandbox.banger(["kernel", "rollback", "generic-6.12"]));
      expect(await versionNow()).toBe(version);
      expect(readFileSync(image)).toEqual(Buffer.from(contents));
    }
    expect(await outcome("generic-6.12")).toBe("updated");
    expect(await versionNow()).toBe("6.12.2");
  });

  test("names the stable path after a rollback, not the tree that gc may remove", async () => {
    offer();
    await pull("generic-6.12");
    offer({ version: "6.12.2" }, 2);
    await pull("generic-6.12");
    const back = documentOf(await sandbox.banger(["kernel", "rollback", "generic-6.12", "--json"]));
    expect(textAt(back, "path")).toBe(join(kernels, "generic-6.12"));
    expect(back).toMatchObject({ kernel_version: "6.12.1", before: "6.12.2" });
  });

  test("does not roll back what was never replaced", async () => {
    offer();
    await pull("generic-6.12");
    const before = sandbox.snapshot();
    const result = await sandbox.banger(["kernel", "rollback", "generic-6.12"]);
    expect(requireExit(result, 3).stderr).toContain("no earlier build of generic-6.12 is kept");
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("does not go back to what an older catalog names, unless forced", async () => {
    const old = sandbox.bundle();
    offer({ version: "6.12.2" }, 5);
    await pull("generic-6.12");
    const before = sandbox.snapshot();
    sandbox.writeCatalog([old], { serial: 4 });
    const refused = documentOf(await pull("generic-6.12"), 1);
    expect(refused).toMatchObject({ error: { code: "refused" } });
    expect(textAt(refused, "error.message")).toContain("came from catalog 5");
    expect(textAt(refused, "error.hint")).toContain("pull --force generic-6.12");
    expect(sandbox.snapshot()).toEqual(before);
    expect(await outcome("--force", "generic-6.12")).toBe("updated");
    expect(await versionNow()).toBe("6.12.1");
  });

  test("does not overwrite an imported kernel, unless forced, and then keeps it", async () => {
    offer();
    writeFileSync(join(sandbox.work, "k"), smallKernel({ version: "6.12.77" }));
    const words = ["kernel", "import", "generic-6.12", "--from", "k", "--distro", "mine"];
    requireExit(await sandbox.banger([...words, "--arch", "x86_64"]));
    const before = sandbox.snapshot();
    const refused = documentOf(await pull("generic-6.12"), 1);
    expect(refused).toMatchObject({ error: { code: "refused" } });
    expect(sandbox.snapshot()).toEqual(before);
    expect(await outcome("--force", "generic-6.12")).toBe("updated");
    requireExit(await sandbox.banger(["kernel", "rollback", "generic-6.12"]));
    expect(await versionNow()).toBe("6.12.77");
  });

  test("takes a URL that moved, with the same hash, for no update", async () => {
    const entry = offer();
    await pull("generic-6.12");
    const before = sandbox.snapshot();
    const tarball_url = "https://127.0.0.1:2/kernels/other-name.tar.zst";
    sandbox.writeCatalog([{ ...entry, tarball_url, description: "new" }], { serial: 9 });
    const result = await sandbox.banger(["kernel", "pull", "generic-6.12", "--json"], offline);
    expect(documentOf(result)).toMatchObject({ results: [{ outcome: "current" }] });
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("fetches again with --force", async () => {
    const entry = offer();
    await using server = await HttpServer.start();
    const file = entry.tarball_url.replace(/^.*\//, "/");
    server.on(file, serve(readFileSync(sandbox.bundlePath(entry))));
    sandbox.useMirrors(server.url);
    await pull("generic-6.12");
    expect(await outcome("--force", "generic-6.12")).toBe("repaired");
    expect(server.requestsFor(file)).toHaveLength(2);
    requireExit(await sandbox.banger(["kernel", "verify"]));
    const trees = Object.keys(sandbox.snapshot()).filter((path) => /\.store\/[^/]+$/.test(path));
    expect(trees).toHaveLength(1);
  });

  testUnless(
    straceObstacle(),
    "asks for huge pages where there is much to decode",
    async () => {
      offer();
      const little = await askedForHugePages();
      const vmlinux = smallKernel({ version: "6.12.2", sizeBytes: 2 << 20 });
      offer({ version: "6.12.2", files: { vmlinux } }, 2);
      expect(await askedForHugePages()).toBe(little + 1);
    },
    60_000,
  );
});

describe("kernel pull repairs an installation", () => {
  /** What of the store a repair may change: another tree, and the folder in which the old one died. */
  const installed = /\.store|kernels\/generic|\.previous\/|\.trash$/;
  const files = {
    vmlinux: smallKernel(),
    "modules/6.12.1/a.ko": "module",
    "modules/6.12.1/latest": { link: "a.ko" },
  };
  test.each<[string, (folder: string) => void]>([
    [
      "of which a byte was flipped and the time put back",
      (folder) => {
        const file = join(folder, "vmlinux");
        const { atime, mtime } = statSync(file);
        const bytes = readFileSync(file);
        bytes[5000] = (bytes[5000] ?? 0) ^ 1;
        writeFileSync(file, bytes);
        utimesSync(file, atime, mtime);
      },
    ],
    ["of which a file is gone", (folder) => rmSync(join(folder, "vmlinux"))],
    [
      "of which a module was cut short",
      (folder) => truncateSync(join(folder, "modules/6.12.1/a.ko"), 3),
    ],
    [
      "of which a link leads elsewhere",
      (folder) => {
        rmSync(join(folder, "modules/6.12.1/latest"));
        symlinkSync("b.ko", join(folder, "modules/6.12.1/latest"));
      },
    ],
    ["whose manifest is gone", (folder) => rmSync(join(folder, "manifest.json"))],
    ["whose manifest is empty", (folder) => truncateSync(join(folder, "manifest.json"))],
    [
      "whose tree is gone",
      (folder) => rmSync(join(kernels, readlinkSync(folder)), { recursive: true }),
    ],
  ])("%s", async (_how, damage) => {
    offer({ files });
    await pull("generic-6.12");
    const whole = sandbox.snapshot({ leaveOut: installed });
    const vmlinux = readFileSync(join(kernels, "generic-6.12/vmlinux"));
    damage(join(kernels, "generic-6.12"));
    const unreachable = await sandbox.banger(["kernel", "pull", "generic-6.12"], offline);
    expect(unreachable.exitCode).toBe(5);
    documentOf(await pull("generic-6.12"));
    requireExit(await sandbox.banger(["kernel", "verify", "generic-6.12"]));
    expect(readFileSync(join(kernels, "generic-6.12/vmlinux"))).toEqual(vmlinux);
    expect(lstatSync(join(kernels, "generic-6.12")).isSymbolicLink()).toBe(true);
    const after = sandbox.snapshot({ leaveOut: installed });
    expect(after).toEqual(whole);
  });
});
