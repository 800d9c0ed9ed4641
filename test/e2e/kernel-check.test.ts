/** `kernel check`: what it says of kernels, and of what is none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadCatalog } from "../../src/io/catalog-file.ts";
import { sha256Of } from "../../src/io/hash.ts";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";

const repository = resolve(import.meta.dirname, "../..");
const bundles = join(repository, "bundles");
const { entries } = loadCatalog(join(repository, "catalog/catalog.json"));
const sharedKernel = resolve(repository, "../shared/kernels/generic-6.12/vmlinux");

const bootable = ["VIRTIO_BLK", "VIRTIO_MMIO", "EXT4_FS", "ACPI", "PCI", "KVM_GUEST"];

const configOf = (symbols: readonly string[], version = "6.12.1"): string =>
  [
    `# Linux/x86 ${version} Kernel Configuration`,
    ...symbols.map((symbol) => `CONFIG_${symbol}${symbol.includes("=") ? "" : "=y"}`),
    "",
  ].join("\n");

let sandbox: Sandbox;

beforeAll(() => {
  sandbox = new Sandbox();
});
afterAll(() => sandbox.dispose());

const check = (...args: readonly string[]) => sandbox.banger(["kernel", "check", ...args]);

async function checked(exitCode: number, ...args: readonly string[]): Promise<unknown> {
  return valueAt(documentOf(await check(...args, "--json"), exitCode), "kernels.0");
}

/** The verdicts of a list of the document, by name. */
function verdicts(document: unknown, list: string, key: string): ReadonlyMap<string, string> {
  const rows = valueAt(document, list);
  if (!Array.isArray(rows)) throw new Error(`${list} is no list`);
  return new Map(rows.map((row) => [textAt(row, key), textAt(row, "verdict")]));
}

describe("kernel check tells of every kernel of the catalog", () => {
  beforeAll(async () => {
    sandbox.useMirrors(bundles);
    for (const { name, arch } of entries) {
      requireExit(await sandbox.banger(["kernel", "pull", `${name}:${arch}`]));
    }
  });

  for (const { name, arch, kernel_version: version, vmlinux_sha256: sha256 } of entries) {
    test(`${name}:${arch}: what it is, that all of Firecracker's needs are met, and its features`, async () => {
      const document = await checked(0, `${name}:${arch}`);
      expect(document).toMatchObject({
        arch,
        kernel_version: version,
        sha256,
        builder: "banger@banger",
        boot: { protocol: arch === "arm64" ? "arm64-image" : "pvh" },
        config: { from: "embedded" },
        needs: null,
      });
      expect([...verdicts(document, "firecracker", "id").values()]).toEqual(
        Array.from({ length: 9 }, () => "yes"),
      );
      const features = verdicts(document, "features", "tag");
      for (const tag of ["docker", "nftables", "tailscale", "btf", "kubernetes", "cgroup2"]) {
        expect([tag, features.get(tag)]).toEqual([tag, "yes"]);
      }
      // Linux 6.1 has no BPF compiler without modules.
      expect(features.get("ebpf")).toBe(version.startsWith("6.1.") ? "no" : "yes");
      expect(features.get("nested-kvm")).toBe("no");
      const folder = (await sandbox.banger(["kernel", "path", `${name}:${arch}`])).stdout.trim();
      const lines = readFileSync(join(folder, "kernel.config"), "utf8").match(
        /^(?:CONFIG_\w+=|# CONFIG_\w+ is not set$)/gm,
      );
      expect(valueAt(document, "config.symbols")).toBe(lines?.length);
    });
  }

  test("in words, too", async () => {
    const { stdout } = requireExit(await check("generic-6.12:x86_64", "--needs", "docker,ebpf"));
    expect(stdout).toContain("Linux 6.12.117 for x86_64");
    expect(stdout).toContain("yes   boots from a block device");
    expect(stdout).toMatch(/^Hardening: \d+ of \d+$/m);
    expect(stdout).toMatch(/^Needs\n {2}yes {3}docker\n {2}yes {3}ebpf$/m);
  });
});

describe("kernel check, of a file", () => {
  test("reads the embedded configuration", async () => {
    const file = sandbox.write("k/vmlinux", smallKernel({ config: configOf(bootable) }));
    const document = await checked(0, file);
    expect(document).toMatchObject({
      file,
      sha256: sha256Of(readFileSync(file)),
      compiler: "gcc (Debian) 12.2.0, GNU ld 2.40",
      build: "#1 SMP PREEMPT_DYNAMIC seed 0",
      boot: {
        protocol: "linux64",
        entry: 0x100_0000,
        memory_bytes: 0x100_0000 + 65_536 - 0x1000,
        segments: [{ address: 0x100_0000, file_bytes: 61_440, memory_bytes: 61_440 }],
      },
      config: { from: "embedded", file: null, symbols: bootable.length },
    });
    const needs = verdicts(document, "firecracker", "id");
    expect(needs.get("block-root")).toBe("yes");
    expect(needs.get("initrd-root")).toBe("no");
    expect(needs.get("vsock")).toBe("no");
  });

  test("does not wait for a file of /proc, which has no size", async () => {
    expect(requireExit(await check("/proc/kmsg"), 4).stderr).toContain("is an empty file");
  });

  test("passes over a configuration that cannot be read, and takes the next", async () => {
    const file = sandbox.write("hostile/vmlinux", smallKernel());
    symlinkSync("kernel.config", join(file, "../kernel.config"));
    sandbox.write("hostile/vmlinux.config", `${configOf(bootable)}CONFIG_A=\u001b[2Jm\n`);
    const config = sandbox.write("hostile/config-6.12.1", configOf(bootable));
    const result = await check(file);
    expect(requireExit(result).stderr).toContain(
      "vmlinux.config cannot be read as a configuration",
    );
    expect(result.stdout).toContain(config);
  });

  test.each(["kernel.config", "vmlinux-6.12.1.config", "config-6.12.1"])(
    "reads %s beside it",
    async (name) => {
      const folder = `beside-${name}`;
      const file = sandbox.write(`${folder}/vmlinux-6.12.1`, smallKernel());
      const config = sandbox.write(`${folder}/${name}`, configOf(bootable));
      expect(await checked(0, file)).toMatchObject({ config: { from: "beside", file: config } });
    },
  );

  test("takes a configuration of the version that a distribution's kernel names in its banner", async () => {
    const image = smallKernel({ version: "6.1.0-56-amd64", seed: "Debian 6.1.192-2" });
    const file = sandbox.write("debian/vmlinux-6.1.0-56-amd64", image);
    sandbox.write("debian/config-6.1.0-56-amd64", configOf(bootable, "6.1.192"));
    expect(await checked(0, file)).toMatchObject({ config: { from: "beside" } });
    sandbox.write("debian/config-6.1.0-56-amd64", configOf(bootable, "6.1.19"));
    expect(await checked(7, file)).toMatchObject({ config: null });
  });

  test("passes over a configuration of another version, and says so", async () => {
    const file = sandbox.write("foreign/vmlinux", smallKernel());
    sandbox.write("foreign/kernel.config", configOf(bootable, "6.12.2"));
    const result = requireExit(await check(file), 7);
    expect(result.stdout).toContain("not embedded");
    expect(result.stdout).toContain("?     boots from a block device");
    expect(result.stderr).toContain("is of Linux 6.12.2 for x86, and is passed over");
  });

  test("passes over a configuration of another architecture, beside it or within", async () => {
    const config = configOf(bootable).replace("Linux/x86 ", "Linux/arm64 ");
    const file = sandbox.write("other-arch/vmlinux", smallKernel());
    sandbox.write("other-arch/kernel.config", config);
    expect(await checked(7, file)).toMatchObject({ config: null });
    const within = sandbox.write("within/vmlinux", smallKernel({ config }));
    expect(await checked(7, within)).toMatchObject({ config: null });
  });

  test("wants all that several --needs name", async () => {
    const file = sandbox.write(
      "needs/vmlinux",
      smallKernel({ config: configOf([...bootable, "OVERLAY_FS=y"]) }),
    );
    const needs = ["--needs", "nested-kvm", "--needs", "overlayfs,overlayfs"];
    expect(await checked(7, file, ...needs)).toMatchObject({
      needs: { tags: ["nested-kvm", "overlayfs"], met: false },
    });
    expect(await checked(0, file, "--needs", "overlayfs")).toMatchObject({ needs: { met: true } });
  });

  test.each<[string, Uint8Array]>([
    ["damaged gzip", smallKernel().fill(0x41, 0x1400, 0x1500)],
    ["no configuration", smallKernel({ config: "all work and no play\n" })],
  ])("takes %s between the marks for none", async (what, image) => {
    image.set(new TextEncoder().encode("IKCFG_ST"), 0x1400);
    image.set(new TextEncoder().encode("IKCFG_ED"), 0x1500);
    expect(await checked(7, sandbox.write(`${what}/vmlinux`, image))).toMatchObject({
      config: null,
    });
  });

  test("of an installed kernel's own modules, a module is enough; in a bare file it is not", async () => {
    const config = configOf([...bootable, "OVERLAY_FS=m"]);
    const file = sandbox.write("modular/vmlinux", smallKernel({ config }));
    const bare = await checked(7, file, "--needs", "overlayfs");
    expect(bare).toMatchObject({ needs: { tags: ["overlayfs"], met: false } });
    expect(JSON.stringify(bare)).toContain("OVERLAY_FS=m");
    sandbox.write("modular/modules/6.12.1/overlay.ko", "a module");
    const words = ["--from", join(file, ".."), "--distro", "mine", "--arch", "x86_64"];
    requireExit(await sandbox.banger(["kernel", "import", "mine-6.12", ...words]));
    expect(await checked(0, "mine-6.12:x86_64", "--needs", "overlayfs")).toMatchObject({
      needs: { met: true },
    });
  });

  test("exits 4 when the configuration leaves no way to boot", async () => {
    const result = await check(
      sandbox.write("no/vmlinux", smallKernel({ config: configOf(["PCI"]) })),
    );
    expect(requireExit(result, 4).stderr).toContain("has no way to boot: it misses VIRTIO_BLK");
  });

  test("through a link, and a name without a slash", async () => {
    sandbox.write("here", smallKernel({ config: configOf(bootable) }));
    symlinkSync("here", join(sandbox.work, "link"));
    for (const name of ["here", "link", "./link"]) {
      expect(await checked(0, name)).toMatchObject({ name, kernel_version: "6.12.1" });
    }
  });

  test("several: all are told, and the first failure decides", async () => {
    const good = sandbox.write("several/vmlinux", smallKernel({ config: configOf(bootable) }));
    const document = documentOf(await check(good, "/dev/null", "./gone", "--json"), 4);
    expect(valueAt(document, "kernels.0.error")).toBeNull();
    expect(textAt(document, "kernels.1.error.code")).toBe("wrong-image");
    expect(textAt(document, "kernels.2.error.code")).toBe("not-found");
    expect(textAt(document, "error.code")).toBe("wrong-image");
  });

  test("--needs wants features that there are", async () => {
    const result = requireExit(await check("here", "--needs", "dokcer"), 2);
    expect(result.stderr).toContain("hint: did you mean docker?");
  });

  test.skipIf(!existsSync(sharedKernel))("a kernel with its configuration beside it", async () => {
    const document = await checked(0, sharedKernel);
    expect(document).toMatchObject({ config: { from: "beside" }, boot: { protocol: "pvh" } });
    expect(await checked(7, sharedKernel, "--needs", "wireguard")).toMatchObject({
      needs: { met: false },
    });
  });
});
