/** Fault 27: many bangers at once. */
import { expect, test } from "bun:test";
import { basename, join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { type Behaviour, HttpServer, serve } from "../support/http-server.ts";
import { bundleFilesOf, KernelSandbox, kernelName } from "../support/kernel-state.ts";
import { callOf, stopAfterCall, treeSynced } from "../support/main-thread.ts";
import { Nginx } from "../support/nginx.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { randomBytesOf } from "../support/sandbox.ts";
import { copyFileSync, readFileSync, rmSync } from "node:fs";

const [older, newer] = ["6.12.1", "6.12.2"] as const;
const pull = ["kernel", "pull", kernelName];

/** A bundle of 2 MB, so that its download is not over at once. */
const bigFiles = (version: string) => ({
  ...bundleFilesOf(version),
  "initrd.img": randomBytesOf(version, 2_000_000),
});

test("row 27: fifty pulls of one name make one download, and all succeed", async () => {
  await using sandbox = new KernelSandbox({ filesOf: bigFiles });
  await using nginx = await Nginx.start({ root: sandbox.mirror });
  sandbox.useMirrors(nginx.url);
  const file = basename(sandbox.bundlePath(sandbox.offer(newer)));
  const children = Array.from({ length: 50 }, () => sandbox.start(pull));
  const results = await Promise.all(children.map((child) => child.done));

  expect(
    results.map((result) => `${result.exitCode} ${result.stderr.match(/error.*/)?.[0] ?? ""}`),
  ).toEqual(results.map(() => "0 "));
  expect(nginx.downloads(`/${file}`)).toHaveLength(1);
  expect(results.filter(({ stderr }) => stderr.includes("downloading"))).toHaveLength(1);
  const pids = new Set(children.map((child) => child.pid));
  const waited = results.flatMap(({ stderr }) => holderIn(stderr) ?? []);
  expect(waited.filter((pid) => !pids.has(pid))).toEqual([]);
  expect(sandbox.inventory()).toEqual(only(newer));
  await sandbox.must("kernel", "verify");
  recordFault({
    row: 27,
    done: "fifty pulls of one name at once",
    exit: 0,
    code: "-",
    store: "as wanted",
  });
}, 60_000);

test("row 27: who waits says for whom, and who may not wait says that it is busy", async () => {
  await using sandbox = new KernelSandbox();
  await using server = await HttpServer.start();
  const tarball = sandbox.bundlePath(sandbox.offer(newer));
  const { reached, go, gate } = gateBefore(serve(readFileSync(tarball)));
  server.on(`/${basename(tarball)}`, gate);
  sandbox.useMirrors(server.url);

  const first = sandbox.start(pull);
  await reached;
  const others = [1, 2, 3].map(() => sandbox.start(pull));
  for (const other of others) {
    const [, pid] = await other.waitForStderr(
      /waiting for process (\d+) \(pulling generic-6\.12\)/,
    );
    expect(Number(pid)).toBe(first.pid);
  }
  const busy = await sandbox.banger([...pull, "--no-wait", "--json"]);
  expect(busy.exitCode).toBe(6);
  expect(JSON.parse(busy.stdout)).toEqual({
    error: {
      code: "busy",
      message: expect.stringContaining(`process ${first.pid} (pulling ${kernelName})`),
      hint: expect.stringContaining("--no-wait"),
    },
  });
  expect(busy.durationMs).toBeLessThan(5000);
  go();
  const results = await Promise.all([first, ...others].map((child) => child.done));
  expect(results.map((result) => result.exitCode)).toEqual([0, 0, 0, 0]);
  expect(server.requests).toHaveLength(1);
  expect(sandbox.inventory()).toEqual(only(newer));
  recordFault({
    row: 27,
    done: "pull --no-wait beside a pull",
    exit: 6,
    code: "busy",
    store: "as wanted",
  });
}, 30_000);

test("row 27: who waits for a banger that is killed takes over, and goes on with its download", async () => {
  await using sandbox = new KernelSandbox();
  await using server = await HttpServer.start();
  const tarball = sandbox.bundlePath(sandbox.offer(newer));
  const { reached, gate } = gateBefore(serve(readFileSync(tarball)));
  server.on(`/${basename(tarball)}`, gate, serve(readFileSync(tarball)));
  sandbox.useMirrors(server.url);
  const first = sandbox.start(pull);
  await reached;
  const second = sandbox.start(pull);
  await second.waitForStderr(/waiting for process/);
  first.kill("SIGKILL");
  expect(await second.done).toMatchObject({ exitCode: 0 });
  expect(sandbox.inventory()).toEqual(only(newer));
  const done = "SIGKILL of the pull that others wait for";
  recordFault({ row: 27, done, exit: "SIGKILL", code: "-", store: "healed" });
}, 30_000);

test("row 27: a kernel whose server stalls does not hold up another kernel", async () => {
  await using sandbox = new KernelSandbox();
  await using server = await HttpServer.start();
  const slow = sandbox.offer(newer);
  const quick = sandbox.bundle({ name: "other-6.1", version: "6.1.1" });
  sandbox.writeCatalog([slow, quick]);
  const tarball = sandbox.bundlePath(slow);
  const { reached, go, gate } = gateBefore(serve(readFileSync(tarball)));
  server.on(`/${basename(tarball)}`, gate);
  server.on(
    `/${basename(sandbox.bundlePath(quick))}`,
    serve(readFileSync(sandbox.bundlePath(quick))),
  );
  sandbox.useMirrors(server.url);
  const stalled = sandbox.start(pull);
  await reached;
  const other = await sandbox.banger(["kernel", "pull", "other-6.1"]);
  expect(other).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("waiting") });
  expect(stalled.ended).toBe(false);
  go();
  expect(await stalled.done).toMatchObject({ exitCode: 0 });
  await sandbox.must("kernel", "verify", kernelName, "other-6.1");
  recordFault({
    row: 27,
    done: "pull beside a stalled pull of another kernel",
    exit: 0,
    code: "-",
    store: "as wanted",
  });
}, 30_000);

test("row 27: pulls of two builds of a name end with the newer one, whoever is first", async () => {
  await using sandbox = new KernelSandbox();
  const catalogs = [older, newer].map((version) => {
    sandbox.offer(version);
    const catalog = join(sandbox.folder, `catalog-${version}.json`);
    copyFileSync(sandbox.catalog, catalog);
    return catalog;
  });
  const rounds = 20;
  for (let round = 0; round < rounds; round += 1) {
    rmSync(sandbox.state, { recursive: true });
    const order = round % 2 === 0 ? catalogs : catalogs.toReversed();
    const children = order.map((catalog) =>
      sandbox.start(pull, { env: { BANGER_CATALOG: catalog } }),
    );
    const results = await Promise.all(children.map((child) => child.done));
    const [ofOlder, ofNewer] = round % 2 === 0 ? results : results.toReversed();
    const said = ofNewer?.exitCode === 0 ? "" : ofNewer?.stderr;
    expect({ exitCode: ofNewer?.exitCode, said }).toEqual({ exitCode: 0, said: "" });
    if (ofOlder?.exitCode !== 0) {
      expect(ofOlder).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("came from catalog 2"),
      });
    }
    expect(sandbox.installed().current).toBe(newer);
    expect(sandbox.leftovers()).toEqual([]);
    await sandbox.must("kernel", "verify");
  }
  recordFault({
    row: 27,
    done: `pulls of two builds of a name, ${rounds} times`,
    exit: 0,
    code: "-",
    store: "as wanted",
  });
}, 60_000);

testUnless(
  straceObstacle(),
  "row 27: a pull that was overtaken by a newer build or an import does not replace it",
  async () => {
    for (const rival of ["a newer build", "an import"]) {
      await using sandbox = new KernelSandbox();
      sandbox.offer(older);
      const point = await callOf(sandbox, pull, treeSynced);
      rmSync(sandbox.state, { recursive: true });
      const held = await stopAfterCall(sandbox, [...pull, "--json"], point);
      if (rival === "an import") {
        sandbox.writeBuild(newer, join(sandbox.work, "tree"));
        await sandbox.must(
          "kernel",
          "import",
          kernelName,
          "--from",
          "tree",
          "--distro",
          "d",
          "--arch",
          "x86_64",
        );
      } else {
        sandbox.offer(newer);
        await sandbox.must(...pull);
      }
      const { result } = await held.resume();
      expect({ rival, exit: result.exitCode }).toEqual({ rival, exit: 1 });
      expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: "refused" } });
      expect(sandbox.installed()).toEqual({ current: newer });
      expect(sandbox.leftovers()).toEqual([]);
      recordFault({
        row: 27,
        done: `pull overtaken by ${rival}`,
        exit: 1,
        code: "refused",
        store: "as wanted",
      });
    }
  },
  60_000,
);

/** A server's answer that waits for `go`; `reached` resolves when somebody asks. */
function gateBefore(answer: Behaviour): {
  readonly reached: Promise<void>;
  readonly go: () => void;
  readonly gate: Behaviour;
} {
  const asked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const gate: Behaviour = async (request) => {
    asked.resolve();
    await free.promise;
    return answer(request);
  };
  return { reached: asked.promise, go: () => free.resolve(), gate };
}

/** The process that a banger says it waits for. */
function holderIn(stderr: string): number | undefined {
  const pid = /waiting for process (\d+) \(pulling generic-6\.12\)/.exec(stderr)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function only(version: string): ReturnType<KernelSandbox["inventory"]> {
  return { links: { current: version }, unlinkedTrees: [], leftovers: [] };
}
