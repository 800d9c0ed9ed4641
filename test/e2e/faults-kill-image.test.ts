/** Fault 25: SIGKILL at each call of an `image register --force` that gives an image another kernel. */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { requireExit, valueAt } from "../support/answers.ts";
import { recordFault } from "../support/fault-table.ts";
import { bangerOnMainThread, changesBelow } from "../support/main-thread.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { Sandbox } from "../support/sandbox.ts";

const [first, second] = ["generic-6.12", "small-6.12"] as const;

function register(kernel: string, rootfs: string): string[] {
  const flags = ["--name", "web", "--rootfs", rootfs, "--kernel-ref", kernel, "--pin", "--force"];
  return ["image", "register", ...flags];
}

/** A machine whose image `web` is pinned to a kernel that nothing else holds, and a second kernel. */
async function machine(): Promise<Sandbox> {
  const sandbox = new Sandbox();
  sandbox.writeCatalog([sandbox.bundle({ name: first }), sandbox.bundle({ name: second })]);
  sandbox.useMirrors();
  for (const rootfs of ["first.ext4", "second.ext4"]) {
    spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, rootfs), "1M"]);
  }
  requireExit(await sandbox.banger(["kernel", "pull", first, second]));
  requireExit(await sandbox.banger(register(first, "first.ext4")));
  requireExit(await sandbox.banger(["kernel", "rm", "--force", first]));
  return sandbox;
}

/** Which kernel and which root filesystem the image has: NAME ROOTFS. */
async function imageOf(sandbox: Sandbox): Promise<string> {
  const { exitCode, stdout, stderr } = await sandbox.banger(["image", "config", "web"]);
  if (exitCode !== 0) return `exit ${exitCode}: ${stderr}`;
  const config: unknown = JSON.parse(stdout);
  const image = String(valueAt(config, "boot-source.kernel_image_path"));
  const manifest: unknown = JSON.parse(readFileSync(join(dirname(image), "manifest.json"), "utf8"));
  const rootfs = String(valueAt(config, "drives.0.path_on_host"));
  return `${String(valueAt(manifest, "name"))} ${rootfs.replace(/^.*\//, "")}`;
}

testUnless(
  straceObstacle(),
  "row 25: an image that is given another kernel has the old one or the new one, wherever that is killed, and gc leaves it whole",
  async () => {
    await using sandbox = await machine();
    const kept = join(sandbox.folder, "kept");
    cpSync(sandbox.state, kept, { recursive: true, verbatimSymlinks: true });
    const again = register(second, "second.ext4");
    const { calls } = await bangerOnMainThread(sandbox, again);
    expect(await imageOf(sandbox)).toBe(`${second} second.ext4`);
    const points = changesBelow(calls, sandbox.state).filter(({ syscall, text }) =>
      /^(?:openat|rename) .*\/(?:\.pins|images)\//.test(`${syscall} ${text}`),
    );
    expect(points.filter(({ syscall }) => syscall === "rename")).toHaveLength(3);

    const problems: string[] = [];
    const seen = new Set<string>();
    for (const { syscall, when, text } of points) {
      rmSync(sandbox.state, { recursive: true });
      cpSync(kept, sandbox.state, { recursive: true, verbatimSymlinks: true });
      const { result } = await bangerOnMainThread(sandbox, again, [
        `${syscall}:signal=KILL:when=${when}`,
      ]);
      const where = `killed before ${syscall}(${text.replaceAll(sandbox.state, "$STATE")}`;
      if (result.signal !== "SIGKILL") problems.push(`${where}: exit ${result.exitCode}`);
      const image = await imageOf(sandbox);
      seen.add(image);
      requireExit(await sandbox.banger(["kernel", "gc"]));
      const after = await imageOf(sandbox);
      if (![`${first} first.ext4`, `${second} second.ext4`].includes(image) || after !== image) {
        problems.push(`${where}: the image has ${image}, after gc ${after}`);
      }
      const pins = readdirSync(join(sandbox.state, "kernels/.pins"));
      const [pin = ""] = pins.map((file) =>
        readFileSync(join(sandbox.state, "kernels/.pins", file), "utf8"),
      );
      if (pins.length !== 1 || pin.includes("replaces")) {
        problems.push(`${where}: gc leaves ${pins.join(", ")}: ${pin}`);
      }
    }
    expect(problems).toEqual([]);
    expect([...seen]).toEqual([`${first} first.ext4`, `${second} second.ext4`]);
    const done = `SIGKILL at each of ${points.length} calls of image register --force`;
    recordFault({ row: 25, done, exit: "SIGKILL", code: "-", store: "healed" });
  },
  120_000,
);
