/** `mirror sync` into folders that must not become a mirror, and with faults on the way. */
import { describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { documentOf, refusal, requireExit } from "../support/answers.ts";
import { type BundleEntry, makeBundle } from "../support/bundle.ts";
import { HttpServer, serve, stallAfter } from "../support/http-server.ts";
import { LoopDevice, loopDeviceObstacle } from "../support/loop-device.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { until } from "../support/processes.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { type ChildResult, randomBytesOf, Sandbox } from "../support/sandbox.ts";
import { SignedRepository } from "../support/signed-repository.ts";
import { snapshotOf } from "../support/snapshot.ts";
import { straceInject } from "../support/strace.ts";
import { catalogText, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();

const folder = (): string => join(host.world.sandbox.work, "kernels");

const sync = (...args: readonly string[]): Promise<ChildResult> =>
  host.world.sandbox.banger(["mirror", "sync", folder(), "--json", ...args]);

const bundle = (name = "generic-6.12"): BundleEntry =>
  makeBundle(host.world.repository.folder, { name });

describe("a folder is refused", () => {
  test("that is within the state or the kernels folder, a file, or within nothing", async () => {
    const { sandbox } = host.world;
    sandbox.write("file", "mine");
    const before = [sandbox.snapshot(), snapshotOf(sandbox.work)];
    const kernels = join(sandbox.folder, "elsewhere");
    sandbox.setEnv("BANGER_KERNELS_DIR", kernels);
    for (const [place, answer] of [
      [sandbox.state, /^1 refused: .* is within banger's own folder/],
      [join(sandbox.state, "mirror"), /^1 refused: .* is within banger's own folder/],
      [kernels, /^1 refused: .* is within banger's own folder/],
      ["file", /^1 io: .*file: it is not a folder/],
      ["none/mirror", /^1 io: .*: there is no folder .*none/],
      ["", /^2 usage: the folder is empty/],
    ] as const) {
      const result = await sandbox.banger(["mirror", "sync", place, "--json"]);
      expect(refusal(result)).toMatch(answer);
    }
    expect([sandbox.snapshot(), snapshotOf(sandbox.work)]).toEqual(before);
  });

  test("that has a catalog.json of something else, or metadata that is no folder", async () => {
    mkdirSync(folder());
    writeFileSync(join(folder(), "catalog.json"), '{"name": "my shop"}');
    const before = snapshotOf(folder());
    expect(refusal(await sync())).toMatch(/^1 refused: .*catalog\.json is no catalog of kernels/);
    expect(snapshotOf(folder())).toEqual(before);
    rmSync(join(folder(), "catalog.json"));
    writeFileSync(join(folder(), "metadata"), "");
    expect(refusal(await sync())).toMatch(/^1 refused: .*metadata is not a folder/);
  });

  test("that is the mirror of another root, or has signatures while we have none", async () => {
    const { sandbox } = host.world;
    documentOf(await sync());
    const before = snapshotOf(folder());
    const place = join(sandbox.folder, "other");
    const other = new SignedRepository(place, catalogText(1001));
    await using stranger = new Sandbox({ executable: rootedExecutable(place, other.root) });
    stranger.useMirrors(place);
    const words = ["mirror", "sync", folder(), "--json"];
    const message = /^1 refused: .* is the mirror of another signed catalog/;
    expect(refusal(await stranger.banger(words))).toMatch(message);
    await using unsigned = new Sandbox();
    expect(refusal(await unsigned.banger(words))).toMatch(/^1 refused: .* has a signed catalog/);
    expect(snapshotOf(folder())).toEqual(before);
  }, 120_000);

  test("that has a newer catalog than the host, signed or not", async () => {
    const { repository, sandbox, executable } = host.world;
    await using late = new Sandbox({ executable });
    late.useMirrors(host.world.nginx.url);
    requireExit(await late.banger(["catalog", "update"]));
    repository.publish(catalogText(1001));
    documentOf(await sync());
    const before = snapshotOf(folder());
    const words = ["mirror", "sync", folder(), "--json", "--no-refresh"];
    const message = /^1 refused: .* has a newer catalog than this host: timestamp\.json 2, .* 1$/;
    expect(refusal(await late.banger(words))).toMatch(message);
    repository.rotate("root");
    documentOf(await sync());
    expect(refusal(await late.banger(words))).toMatch(/newer catalog than this host: a newer root/);
    expect(snapshotOf(folder())).toMatchObject(before);
    sandbox.writeCatalog([], { serial: 5 });
    const plain = ["mirror", "sync", "plain", "--json"];
    documentOf(await sandbox.banger(plain));
    sandbox.writeCatalog([], { serial: 4 });
    expect(refusal(await sandbox.banger(plain))).toMatch(/^1 refused: .*catalog 5, and here is 4/);
  });

  test("when an entry's file would take the place of something else", async () => {
    for (const file of ["catalog.json", "SHA256SUMS", "metadata", ".htaccess"]) {
      const entry = { ...bundle(), tarball_url: `https://kernels.invalid/${file}` };
      host.world.sandbox.writeCatalog([entry]);
      expect(refusal(await sync())).toContain(`the file name ${file} has a meaning of its own`);
    }
    const [one, other] = [bundle(), bundle("debian-6.12")];
    const twice = { ...other, tarball_url: one.tarball_url, tarball_sha256: "0".repeat(64) };
    host.world.sandbox.writeCatalog([one, twice]);
    expect(refusal(await sync())).toMatch(/^1 bad-catalog: .* is that of two/);
  });
});

describe("when a sync fails", () => {
  test("for a tarball that nobody has, the others are brought, and the catalog stays the one before", async () => {
    documentOf(await sync());
    const before = snapshotOf(folder());
    const [lost, there] = [bundle("debian-6.1"), bundle()];
    host.world.repository.publish(catalogText(1001, [lost, there]));
    const path = lost.tarball_url.replace(/.*\//, "");
    host.world.repository.remove(path);
    expect(refusal(await sync())).toStartWith(`5 network: cannot fetch ${path}: `);
    expect(snapshotOf(folder())).toMatchObject(before);
    expect(readdirSync(folder())).toContain(there.tarball_url.replace(/.*\//, ""));
    writeFileSync(join(host.world.repository.folder, path), "other bytes");
    expect(refusal(await sync())).toStartWith(`4 verification-failed: cannot fetch ${path}: `);
    expect(existsSync(join(folder(), path))).toBe(false);
  });

  test("for the catalog, it says how to do without; and without asking, it mirrors what is here", async () => {
    const entry = bundle();
    host.world.repository.publish(catalogText(1001, [entry]));
    documentOf(await host.world.update());
    host.world.repository.state.timestamp.expires = "2026-01-01T00:00:00Z";
    host.world.repository.publish(catalogText(1002));
    const result = requireExit(await sync(), 4);
    expect(result.stderr).toContain("has expired");
    expect(result.stderr).toContain("hint: to mirror the catalog that is here");
    expect(documentOf(await sync("--no-refresh"))).toMatchObject({ serial: 1001, signed: true });
  });

  test("it does not ask the folder that it writes to, though that is a mirror too", async () => {
    const { sandbox, nginx, repository } = host.world;
    documentOf(await sync());
    repository.publish(catalogText(1001, [bundle()]));
    sandbox.useMirrors("kernels", `file://${folder()}`, nginx.url);
    expect(documentOf(await sync())).toMatchObject({ serial: 1001 });
    expect((await sync()).stderr).toBe("");
  });

  testUnless(
    loopDeviceObstacle(),
    "for want of space, it says so before it fetches",
    async () => {
      using disk = LoopDevice.create("ext4", { sizeMib: 16 });
      const files = { vmlinux: randomBytesOf("large", 24 * 2 ** 20) };
      const entry = makeBundle(host.world.repository.folder, { files });
      host.world.repository.publish(catalogText(1001, [entry]));
      const words = ["mirror", "sync", join(disk.folder, "kernels"), "--json"];
      expect(refusal(await host.world.sandbox.banger(words))).toMatch(/^1 no-space: .* are needed/);
      expect(host.world.nginx.downloads().some(({ path }) => path.endsWith(".zst"))).toBe(false);
    },
    60_000,
    true,
  );
});

test("several syncs at once fetch each file once", async () => {
  const files = { vmlinux: randomBytesOf("large", 8 * 2 ** 20) };
  const entry = makeBundle(host.world.repository.folder, { files });
  host.world.repository.publish(catalogText(1001, [entry]));
  const path = `/${entry.tarball_url.replace(/.*\//, "")}`;
  const results = await Promise.all([sync(), sync(), sync()]);
  for (const result of results) requireExit(result);
  expect(host.world.nginx.downloads(path)).toHaveLength(1);
  expect(readdirSync(folder()).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a sync that was stopped goes on where it was, by one request for the rest", async () => {
  const { sandbox } = host.world;
  const entry = bundle();
  const name = entry.tarball_url.replace(/.*\//, "");
  const bytes = new Uint8Array(readFileSync(join(host.world.repository.folder, name)));
  await using server = await HttpServer.start();
  server.on(`/${name}`, stallAfter(20_000, bytes), serve(bytes));
  sandbox.writeCatalog([entry]);
  sandbox.useMirrors(server.url);
  const running = sandbox.start(["mirror", "sync", folder(), "--json"]);
  const part = join(folder(), ".banger-parts", `${entry.tarball_sha256}.part`);
  await until("the part file grows", () => (sizeOf(part) === 20_000 ? true : undefined));
  running.kill("SIGINT");
  expect(refusal(await running.done)).toStartWith("130 interrupted: ");
  expect(sizeOf(part)).toBe(20_000);
  expect(readdirSync(folder())).toEqual([".banger-parts"]);
  documentOf(await sync());
  expect(server.requestsFor(`/${name}`).map(({ headers }) => headers["range"])).toEqual([
    undefined,
    "bytes=20000-",
  ]);
  expect(readdirSync(folder()).sort()).toEqual(["catalog.json", name]);
});

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

testUnless(
  straceObstacle(),
  "SIGKILL at each rename leaves a folder that has the old catalog or the new, with all its tarballs; then it goes on",
  async () => {
    const { repository, sandbox, executable } = host.world;
    repository.publish(catalogText(1001, [bundle("debian-6.1")]));
    documentOf(await sync());
    const old = join(sandbox.folder, "old");
    cpSync(folder(), old, { recursive: true });
    repository.rotate("root");
    repository.publish(catalogText(1002, [bundle("debian-6.1"), bundle()]));
    const state = join(sandbox.folder, "old-state");
    cpSync(sandbox.state, state, { recursive: true, verbatimSymlinks: true });
    const run = (rules: readonly string[]): ReturnType<typeof straceInject> =>
      straceInject({
        file: executable,
        args: ["mirror", "sync", folder()],
        env: sandbox.environment,
        cwd: sandbox.work,
        syscalls: ["rename"],
        rules,
      });
    const { calls, result } = await run([]);
    requireExit(result);
    const renames = calls.filter(({ syscall }) => syscall === "rename");
    const points = renames.filter(({ text }) => text.includes(`${folder()}/`));
    expect(points.length).toBeGreaterThan(6);
    const serials: unknown[] = [];
    for (const { ordinal } of points) {
      for (const [from, to] of [
        [old, folder()],
        [state, sandbox.state],
      ] as const) {
        rmSync(to, { recursive: true });
        cpSync(from, to, { recursive: true, verbatimSymlinks: true });
      }
      const killed = await run([`rename:signal=KILL:when=${ordinal}`]);
      expect(killed.result.exitCode ?? 137).toBe(137);
      serials.push(await readerSerial());
      requireExit(await sandbox.banger(["mirror", "sync", folder()]));
      expect(await readerSerial()).toBe(1002);
      expect(readdirSync(folder()).filter((name) => name.startsWith("."))).toEqual([]);
    }
    expect(serials).toEqual(points.map(() => 1001));
  },
  240_000,
  true,
);

/** What a host reads in the folder that knows nothing yet; it must be able to pull all of it. */
async function readerSerial(): Promise<unknown> {
  await using reader = new Sandbox({ executable: host.world.executable });
  reader.useMirrors(folder());
  reader.setEnv("https_proxy", "http://127.0.0.1:9");
  reader.setEnv("BANGER_HTTP_RETRIES", "0");
  const words = ["catalog", "update", "--json", "--from", folder()];
  const document = documentOf(await reader.banger(words));
  requireExit(await reader.banger(["kernel", "pull", "debian-6.1"]));
  return typeof document === "object" && document !== null && "serial" in document
    ? document.serial
    : undefined;
}
