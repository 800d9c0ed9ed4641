/**
 * `kernel check`, `extract` and `boot` on Debian's own kernels, as their packages have them: stock and cloud.
 * `make test-kernel-build` runs it; it fetches some 100 MB of packages.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { probesOf } from "../support/boots.ts";
import { Sandbox } from "../support/sandbox.ts";

const limitMs = 600_000;
let sandbox: Sandbox;
let boot = "";

function run(cwd: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** The package that a package of Debian's depends on first: the newest kernel of its kind. */
function newest(metapackage: string): string {
  const found = /Depends: (linux-image-\S+)/.exec(run("/", "apt-cache", ["depends", metapackage]));
  return found?.[1] ?? metapackage;
}

beforeAll(() => {
  sandbox = new Sandbox();
  const packages = join(sandbox.folder, "packages");
  boot = join(packages, "boot");
  mkdirSync(packages);
  for (const name of ["linux-image-amd64", "linux-image-cloud-amd64"]) {
    run(packages, "apt-get", ["download", newest(name)]);
  }
  for (const file of readdirSync(packages).filter((name) => name.endsWith(".deb"))) {
    run(packages, "sh", ["-c", `dpkg-deb --fsys-tarfile ${file} | tar -xf - ./boot`]);
  }
}, limitMs);
afterAll(() => sandbox.dispose());

const kinds = [
  ["stock", /^vmlinuz-[\d.]+-\d+-amd64$/],
  ["cloud", /^vmlinuz-[\d.]+-\d+-cloud-amd64$/],
] as const;

describe.each(kinds)("Debian's %s kernel", (_kind, pattern) => {
  const names = (): { vmlinuz: string; vmlinux: string } => {
    const vmlinuz = readdirSync(boot).find((name) => pattern.test(name)) ?? "none";
    return {
      vmlinuz: join(boot, vmlinuz),
      vmlinux: join(boot, vmlinuz.replace("vmlinuz", "vmlinux")),
    };
  };

  test("is a bzImage, and the hint gets the kernel out of it", async () => {
    const { vmlinuz, vmlinux } = names();
    const refused = requireExit(await sandbox.banger(["kernel", "check", vmlinuz]), 4);
    expect(refused.stderr).toContain("is a compressed bzImage");
    expect(refused.stderr).toContain(`banger kernel extract ${vmlinuz} -o vmlinux`);
    requireExit(await sandbox.banger(["kernel", "extract", vmlinuz, "-o", vmlinux]));
  });

  test("is known by the configuration beside it, and wants its initrd", async () => {
    const { vmlinux } = names();
    const checked = documentOf(await sandbox.banger(["kernel", "check", vmlinux, "--json"]));
    expect(valueAt(checked, "kernels.0.config")).toMatchObject({ from: "beside" });
    expect(textAt(checked, "kernels.0.boot.protocol")).toBe("pvh");
    expect(textAt(checked, "kernels.0.firecracker.0.verdict")).toBe("no");
    expect(textAt(checked, "kernels.0.firecracker.1.verdict")).toBe("yes");
  });

  test(
    "comes to no root device from a disk, and to init from an initramfs",
    async () => {
      const { vmlinux } = names();
      const words = ["kernel", "boot", vmlinux, "--mem", "512", "--timeout", "120", "--json"];
      const fromDisk = documentOf(await sandbox.banger(words, { timeoutMs: limitMs }), 1);
      expect(textAt(fromDisk, "cause")).toStartWith("it found no root device");
      const initramfs = await sandbox.banger([...words, "--root", "initramfs"], {
        timeoutMs: limitMs,
      });
      const document = documentOf(initramfs, 1);
      expect(Object.fromEntries(probesOf(document))).toMatchObject({
        console: "pass",
        root: "pass",
        block: "fail",
        network: "absent",
        entropy: "absent",
      });
    },
    limitMs,
  );
});
