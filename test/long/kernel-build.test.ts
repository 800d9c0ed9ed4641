/**
 * The maintainer's whole way on a small kernel that is really compiled: twice, by different users in
 * different folders, then booted, published, checked, built again from its provenance, and removed.
 * `make test-kernel-build` runs it; on two cores it takes half an hour.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { Checkout, type CheckoutRun, nobody } from "../support/checkout.ts";
import { probesOf } from "../support/boots.ts";
import type { ChildResult } from "../support/child.ts";
import { bangerExecutable } from "../support/sandbox.ts";

const source = "/usr/src/linux-source-6.1.tar.xz";
/** Two builds, on a machine that has other work too. */
const limitMs = 2_400_000;

/** What the kernel shall have on top of nothing at all. */
const symbols = [
  "64BIT PRINTK EARLY_PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE BINFMT_ELF PROC_FS PROC_SYSCTL SYSFS",
  "DEVTMPFS HYPERVISOR_GUEST PARAVIRT KVM_GUEST PVH PCI ACPI BLOCK BLK_DEV VIRTIO_MENU VIRTIO_MMIO VIRTIO_BLK",
  "EXT4_FS POSIX_TIMERS IKCONFIG IKCONFIG_PROC BPF_SYSCALL DEBUG_KERNEL DEBUG_INFO_DWARF4 DEBUG_INFO_BTF",
]
  .join(" ")
  .split(" ");

/** A fragment that asks for symbols, and for no modules. */
function asking(wanted: readonly string[]): string {
  const lines = wanted.map((symbol) => `CONFIG_${symbol}=y\n`).join("");
  const debug = wanted.includes("DEBUG_INFO_BTF") ? "# CONFIG_DEBUG_INFO_NONE is not set\n" : "";
  return `${lines}${debug}# CONFIG_MODULES is not set\n`;
}

const fragment = asking(symbols);

const sha256Of = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");

let first: Checkout;
let second: Checkout;
let sourceSha256: string;

/** Writes recipe, fragment and pin into a checkout. */
function writeRecipe(checkout: Checkout, pin: string, asked = fragment): void {
  const folder = join(checkout.folder, "recipe");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "pin.config"), pin);
  writeFileSync(join(folder, "small.config"), asked);
  const recipe = {
    version: 1,
    line: "6.1",
    architectures: {
      x86_64: {
        pins: [
          {
            name: "pin.config",
            url: "https://configs.invalid/pin.config",
            sha256: createHash("sha256").update(pin).digest("hex"),
          },
        ],
        fragments: ["small.config"],
      },
    },
    unavailable: {},
    required: ["VIRTIO_MMIO"],
    forbidden: ["MODULES"],
    drift: {},
  };
  writeFileSync(join(folder, "recipe.json"), JSON.stringify(recipe));
}

/** The configuration that has what is asked for, and else nothing. */
function configured(checkout: Checkout, asked: string): string {
  const trees = join(checkout.root, "build/kernel/trees");
  const [tree = ""] = readdirSync(trees).map((name) => join(trees, name));
  const objects = join(checkout.folder, "allnoconfig");
  writeFileSync(join(checkout.folder, "wanted"), asked);
  execFileSync("make", ["-C", tree, `O=${objects}`, "ARCH=x86_64", "-s", "allnoconfig"], {
    env: { PATH: process.env["PATH"], KCONFIG_ALLCONFIG: join(checkout.folder, "wanted") },
  });
  return readFileSync(join(objects, ".config"), "utf8");
}

/** What `banger kernel boot` says of a kernel that a checkout has built. */
async function booted(checkout: Checkout, vmlinux: string, exitCode: number): Promise<unknown> {
  copyFileSync(bangerExecutable(), join(checkout.root, "banger"));
  const words = ["kernel", "boot", vmlinux, "--timeout", "60", "--json"];
  return documentOf(await checkout.run("banger", words, { timeoutMs: limitMs }), exitCode);
}

function build(
  checkout: Checkout,
  more: readonly string[],
  options: CheckoutRun = {},
): Promise<ChildResult> {
  const recipe = ["--recipe", join(checkout.folder, "recipe/recipe.json")];
  const config = ["--config", join(checkout.folder, "recipe/pin.config")];
  const mirrored = ["--source", source, "--source-sha256", sourceSha256];
  const args = [["--line", "6.1", "--arch", "x86_64"], recipe, config, mirrored, more].flat();
  return checkout.run("scripts/make-generic-kernel.sh", args, { timeoutMs: limitMs, ...options });
}

const outOf = (checkout: Checkout): string => join(checkout.root, "build/manual/generic-kernel");

beforeAll(() => {
  if (!existsSync(source))
    throw new Error(`${source} is missing: apt-get install linux-source-6.1`);
  first = new Checkout();
  second = new Checkout();
  sourceSha256 = sha256Of(source);
}, limitMs);
afterAll(() => {
  first[Symbol.dispose]();
  second[Symbol.dispose]();
}, limitMs);

describe("a small kernel", () => {
  test(
    "is not built when a symbol that was asked for is dropped",
    async () => {
      writeRecipe(first, "CONFIG_64BIT=y\n", `${fragment}CONFIG_NO_SUCH_SYMBOL=y\n`);
      const refused = await build(first, []);
      requireExit(refused, 4);
      expect(refused.stderr).toContain(
        "asked for and not there: CONFIG_NO_SUCH_SYMBOL is n, wanted y",
      );
      expect(existsSync(outOf(first))).toBe(false);
    },
    limitMs,
  );

  test(
    "is built to the same bytes in another folder, by another user, with another time zone, umask and number of jobs, and without ccache",
    async () => {
      const pin = configured(first, fragment);
      writeRecipe(first, pin);
      writeRecipe(second, pin);
      requireExit(await build(first, []));
      const isRoot = process.getuid?.() === 0;
      if (isRoot) second.giveTo(nobody);
      requireExit(
        await build(second, ["--no-ccache", "--jobs", "3"], {
          uid: isRoot ? nobody : undefined,
          umask: "077",
          env: { TZ: "Pacific/Auckland", LANG: "de_DE.UTF-8", KBUILD_BUILD_USER: "somebody" },
        }),
      );
      for (const name of ["vmlinux", "kernel.config", "provenance.json"]) {
        expect(sha256Of(join(outOf(second), name))).toBe(sha256Of(join(outOf(first), name)));
      }
    },
    limitMs,
  );

  test("tells what it was built from, and nothing of the machine", () => {
    const text = readFileSync(join(outOf(first), "provenance.json"), "utf8");
    const provenance: unknown = JSON.parse(text);
    const place = "predicate.buildDefinition";
    expect(valueAt(provenance, `${place}.externalParameters.source_trust`)).toEqual({
      kind: "hash",
    });
    expect(valueAt(provenance, `${place}.resolvedDependencies.0.digest.sha256`)).toBe(sourceSha256);
    expect(valueAt(provenance, "subject.0.digest.sha256")).toBe(
      sha256Of(join(outOf(first), "vmlinux")),
    );
    const vmlinux = readFileSync(join(outOf(first), "vmlinux"), "latin1");
    for (const secret of [first.folder, process.env["HOSTNAME"] ?? "banger-checkout-"]) {
      expect(text).not.toContain(secret);
      expect(vmlinux).not.toContain(secret);
    }
  });

  test(
    "boots, and what it is made without is told as that",
    async () => {
      const document = await booted(first, join(outOf(first), "vmlinux"), 0);
      expect(document).toMatchObject({ proven: true, root: "disk" });
      expect(Object.fromEntries(probesOf(document))).toMatchObject({
        block: "pass",
        config: "pass",
        network: "absent",
        vsock: "not-testable",
        entropy: "absent",
      });
    },
    limitMs,
  );

  test(
    "is imported, published, checked, built again and removed",
    async () => {
      const bucket = join(first.folder, "bucket");
      mkdirSync(bucket);
      const name = "generic-6.1";
      const env = {
        BANGER_STATE_DIR: join(first.folder, "state"),
        RCLONE_CONFIG_R2_TYPE: "local",
        RCLONE_BUCKET: bucket,
      };
      copyFileSync(bangerExecutable(), join(first.root, "banger"));
      const words = ["kernel", "import", name, "--from", outOf(first)];
      requireExit(
        await first.run("banger", [...words, "--distro", "generic", "--arch", "x86_64"], { env }),
      );
      const description = ["--description", "Small", "--allow-older"];
      requireExit(
        await first.run("scripts/publish-kernel.sh", [name, ...description, "--no-upload"], {
          env,
        }),
      );
      const catalog = join(first.root, "catalog/catalog.json");
      const published = readFileSync(catalog, "utf8");
      expect(published).toContain(sha256Of(join(outOf(first), "vmlinux")));
      const again = await first.run(
        "scripts/banger-maint",
        ["reproduce", name, "--ccache", "--json"],
        {
          env,
          timeoutMs: limitMs,
        },
      );
      expect(documentOf(again)).toMatchObject({ name, matches: true, tools: [] });

      // Another kernel under the same entry must be told from it, and where.
      const vmlinux = join(outOf(first), "vmlinux");
      const bytes = readFileSync(vmlinux);
      const at = bytes.lastIndexOf("Linux version");
      bytes[at + 1] = 0x21;
      const other = join(first.folder, "other");
      mkdirSync(other);
      writeFileSync(join(other, "vmlinux"), bytes);
      for (const file of ["kernel.config", "provenance.json"]) {
        copyFileSync(join(outOf(first), file), join(other, file));
      }
      const packed = ["pack", "--from", other, "--name", name, "--distro", "generic"];
      const rest = [
        "--arch",
        "x86_64",
        "--kernel-version",
        versionIn(published),
        "--description",
        "Other",
      ];
      requireExit(await first.run("scripts/banger-maint", [...packed, ...rest], { env }));
      const differs = await first.run(
        "scripts/banger-maint",
        ["reproduce", name, "--ccache", "--json"],
        {
          env,
          timeoutMs: limitMs,
        },
      );
      const document = documentOf(differs, 4);
      expect(valueAt(document, "matches")).toBe(false);
      expect(valueAt(document, "files.0.first_difference.offset")).toBe(at + 1);
      expect(textAt(document, "files.0.first_difference.section")).toBe(".rodata");

      requireExit(await first.run("scripts/banger-maint", ["remove", name], { env }));
      expect(readFileSync(catalog, "utf8")).not.toContain(`"${name}"`);
    },
    limitMs,
  );

  const lean = symbols.filter((symbol) => !/^(?:DEBUG|BPF)_/.test(symbol));
  test.each([
    ["VIRTIO_BLK", /^it found no root device/],
    ["SERIAL_8250_CONSOLE", /^it runs, and says nothing/],
  ])(
    "is told when it is built without %s",
    async (missing, cause) => {
      const asked = asking(lean.filter((symbol) => symbol !== missing));
      writeRecipe(first, configured(first, asked), asked);
      const out = join(first.folder, `without-${missing}`);
      requireExit(await build(first, ["--out", out]));
      const document = await booted(first, join(out, "vmlinux"), 1);
      expect(textAt(document, "cause")).toMatch(cause);
    },
    limitMs,
  );
});

function versionIn(catalog: string): string {
  const document: unknown = JSON.parse(catalog);
  return textAt(document, "entries.0.kernel_version");
}
