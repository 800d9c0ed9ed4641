import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync, existsSync } from "node:fs";
import path from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";

const name = "generic-6.12";
const arch = "x86_64";

/** A sandbox with an installed kernel, and a folder of somebody else's that must stay as it is. */
function withKernel(): { sandbox: Sandbox; kernels: string; victim: string } {
  const sandbox = new Sandbox();
  const files = { vmlinux: smallKernel({ arch, version: "6.12.1" }) };
  sandbox.writeCatalog([sandbox.bundle({ name, arch, version: "6.12.1", files })]);
  sandbox.useMirrors();
  const victim = path.join(sandbox.folder, "victim");
  // Names of the kinds that banger itself uses are no better protected than others.
  for (const folder of ["etc", "0123456789abcdef", "generic-6.12-92e7217c44db-23ba8ca6"]) {
    mkdirSync(path.join(victim, folder), { recursive: true });
    writeFileSync(path.join(victim, folder, "file"), "somebody's");
  }
  return { sandbox, kernels: path.join(sandbox.state, "kernels"), victim };
}

const commands = [
  ["kernel", "list"],
  ["kernel", "gc", "--yes"],
  ["kernel", "pull", "--force", name],
  ["kernel", "rollback", name],
  ["kernel", "rm", "--yes", name],
];

for (const inner of [".staging", ".trash", ".store", ".previous", ".pins", ".parts", ".locks"]) {
  test(`row 22: no command reaches through a link in place of kernels/${inner}`, async () => {
    const { sandbox, kernels, victim } = withKernel();
    await using _ = sandbox;
    expect((await sandbox.banger(["kernel", "pull", name])).exitCode).toBe(0);
    const before = snapshotOf(victim);
    const folder = path.join(kernels, inner);
    if (existsSync(folder)) renameSync(folder, `${folder}.aside`);
    symlinkSync(victim, folder);
    for (const command of commands) {
      const { exitCode, stdout } = await sandbox.banger([...command, "--json"]);
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: "bad-state" } });
      expect(snapshotOf(victim)).toEqual(before);
    }
    recordFault({
      row: 22,
      done: `kernels/${inner} is a link to another folder`,
      exit: 1,
      code: "bad-state",
      store: "same",
    });
    rmSync(folder);
    if (existsSync(`${folder}.aside`)) renameSync(`${folder}.aside`, folder);
    expect((await sandbox.banger(["kernel", "verify", name])).exitCode).toBe(0);
  });
}

test("row 22: gc and the clearing up after a crash remove only what banger named", async () => {
  const { sandbox, kernels } = withKernel();
  await using _ = sandbox;
  expect((await sandbox.banger(["kernel", "pull", name])).exitCode).toBe(0);
  const foreign = [".staging/notes", ".trash/photos", ".store/projects"].map((file) =>
    path.join(kernels, file),
  );
  for (const folder of foreign) mkdirSync(folder, { recursive: true });
  // What a killed banger leaves brings the clearing up about.
  mkdirSync(path.join(kernels, ".staging", "0123456789abcdef"));
  expect((await sandbox.banger(["kernel", "gc", "--yes"])).exitCode).toBe(0);
  expect(existsSync(path.join(kernels, ".staging", "0123456789abcdef"))).toBe(false);
  expect(foreign.map((folder) => existsSync(folder))).toEqual([true, true, true]);
});

test("row 22: a kernel's name that leads elsewhere is no kernel, and rm takes away the link alone", async () => {
  const { sandbox, kernels, victim } = withKernel();
  await using _ = sandbox;
  expect((await sandbox.banger(["kernel", "pull", name])).exitCode).toBe(0);
  const before = snapshotOf(victim);
  for (const target of ["..", ".", victim, "../../victim/etc"]) {
    symlinkSync(target, path.join(kernels, "elsewhere-1.0"));
    expect((await sandbox.banger(["kernel", "show", "elsewhere-1.0"])).exitCode).toBe(1);
    expect((await sandbox.banger(["kernel", "rm", "--yes", "elsewhere-1.0"])).exitCode).toBe(0);
    expect(snapshotOf(victim)).toEqual(before);
    expect((await sandbox.banger(["kernel", "verify", name])).exitCode).toBe(0);
  }
});

test("row 21: a catalog that is a pipe or a device is refused at once", async () => {
  await using sandbox = new Sandbox();
  const pipe = path.join(sandbox.folder, "pipe");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  for (const file of [pipe, "/dev/zero"]) {
    const env = { BANGER_CATALOG: file };
    const { exitCode, stderr } = await sandbox.banger(["kernel", "list", "--available"], { env });
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("it is not a regular file"),
    });
  }
});
