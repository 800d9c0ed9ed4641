/** A folder of `mirror sync`, carried to hosts as docs/mirrors.md says: by nginx, rclone, and without a network. */
import { afterEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, requireExit, valueAt } from "../support/answers.ts";
import { bootLimitMs, probesOf } from "../support/boots.ts";
import { makeBundle } from "../support/bundle.ts";
import { type ChildResult, runChild, RunningChild } from "../support/child.ts";
import { freePort, Nginx, untilListening } from "../support/nginx.ts";
import { Sandbox } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";
import { catalogText, useUpdateWorlds } from "../support/update-world.ts";

const root = resolve(import.meta.dirname, "../..");
const documentation = readFileSync(join(root, "docs/mirrors.md"), "utf8");

/** A code block of docs/mirrors.md. */
function documented(pattern: RegExp): string {
  const [, text] = pattern.exec(documentation) ?? [];
  if (text === undefined) throw new Error(`docs/mirrors.md has no block ${String(pattern)}`);
  return text;
}

const host = useUpdateWorlds();

const folder = (): string => join(host.world.sandbox.work, "kernels");

async function sync(): Promise<void> {
  documentOf(await host.world.sandbox.banger(["mirror", "sync", folder(), "--json"]));
}

/** A host that knows nothing yet, and has one mirror. */
function newHost(mirror: string): Sandbox {
  const other = new Sandbox({ executable: host.world.executable });
  other.useMirrors(mirror);
  other.setEnv("https_proxy", "http://127.0.0.1:9");
  other.setEnv("BANGER_HTTP_RETRIES", "0");
  return other;
}

const hosts: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of hosts.splice(0)) await each[Symbol.asyncDispose]();
});

/** Updates and pulls on a new host, from nowhere but the mirror. */
async function useMirror(mirror: string, serial: number): Promise<void> {
  const reader = newHost(mirror);
  hosts.push(reader);
  const update = await reader.banger(["catalog", "update", "--json"]);
  expect(documentOf(update)).toMatchObject({ serial, source: mirror });
  requireExit(await reader.banger(["kernel", "pull", "generic-6.12"]));
  requireExit(await reader.banger(["kernel", "verify"]));
}

describe("a mirror is served by", () => {
  test("nginx, with the configuration of docs/mirrors.md: names that never change are cached, others are not", async () => {
    const { repository } = host.world;
    repository.publish(catalogText(1001, [makeBundle(repository.folder)]));
    await sync();
    writeFileSync(join(folder(), ".banger-lock"), "");
    const server = documented(/^```nginx\n([^]*?)^```$/m);
    await using nginx = await Nginx.start({ root: folder(), server });
    await useMirror(nginx.url, 1001);
    const cached = async (path: string): Promise<string> => {
      const answer = await fetch(`${nginx.url}/${path}`, { method: "HEAD" });
      return `${answer.status} ${answer.headers.get("cache-control") ?? "nothing"}`;
    };
    const forever = "200 public, max-age=31536000, immutable";
    const tarball = readdirSync(folder()).find((name) => name.endsWith(".tar.zst")) ?? "";
    const [target = ""] = readdirSync(join(folder(), "targets"));
    for (const [path, answer] of [
      [tarball, forever],
      [`targets/${target}`, forever],
      ["metadata/1.root.json", forever],
      ["metadata/2.snapshot.json", forever],
      ["metadata/timestamp.json", "200 no-cache"],
      ["catalog.json", "200 no-cache"],
      ["metadata/2.root.json", "404 nothing"],
      [".banger-lock", "404 nothing"],
    ] as const) {
      expect([path, await cached(path)]).toEqual([path, answer]);
    }
  });

  test("rclone serve, with the command of docs/mirrors.md, which sees at once what a sync brings", async () => {
    const { repository } = host.world;
    const entry = makeBundle(repository.folder);
    repository.publish(catalogText(1001, [entry]));
    await sync();
    writeFileSync(join(folder(), ".banger-lock"), "");
    const port = await freePort();
    const command = documented(/^```\n(rclone serve http [^]*?)^```$/m)
      .replace(":8080", `127.0.0.1:${port}`)
      .replace("/srv/kernels", folder());
    const child = new RunningChild({
      file: "/bin/sh",
      args: ["-c", `exec ${command}`],
      env: { PATH: "/usr/bin:/bin", HOME: host.world.sandbox.home },
      timeoutMs: 600_000,
    });
    try {
      await untilListening(port, child);
      const url = `http://127.0.0.1:${port}`;
      await useMirror(url, 1001);
      expect((await fetch(`${url}/.banger-lock`)).status).toBe(404);
      rmSync(join(folder(), ".banger-lock"));
      repository.publish(catalogText(1002, [entry]));
      await sync();
      await useMirror(url, 1002);
    } finally {
      child.killGroup();
      await Promise.allSettled([child.done]);
    }
  });

  test("an object store, with the commands of docs/mirrors.md: the timestamp goes last", async () => {
    const { repository, sandbox } = host.world;
    repository.publish(catalogText(1001, [makeBundle(repository.folder)]));
    await sync();
    mkdirSync(join(folder(), ".banger-parts"));
    writeFileSync(join(folder(), ".banger-parts/x.part"), "");
    const store = join(sandbox.folder, "store");
    const [first = "", second = "", ...others] = documented(/^```sh\n([^]*?)^```$/m)
      .replaceAll("/srv/kernels", folder())
      .replaceAll("store:kernels", store)
      .trim()
      .split("\n");
    expect(others).toEqual([]);
    const env = { PATH: "/usr/bin:/bin", HOME: sandbox.home };
    const run = async (command: string): Promise<void> => {
      requireExit(await runChild({ file: "/bin/sh", args: ["-c", command], env }));
    };
    await run(first);
    const { "metadata/timestamp.json": timestamp, ...before } = snapshotOf(folder(), {
      leaveOut: /^\.banger-/,
    });
    expect(timestamp).toBeDefined();
    expect(snapshotOf(store)).toEqual(before);
    await run(second);
    expect(snapshotOf(store)).toEqual(snapshotOf(folder(), { leaveOut: /^\.banger-/ }));
    await useMirror(store, 1001);
  });
});

describe("without a network,", () => {
  test(
    "a host that has nothing but the folder pulls a kernel of the catalog, verifies it and boots it",
    async () => {
      const { repository } = host.world;
      for (const name of readdirSync(join(root, "bundles"))) {
        symlinkSync(join(root, "bundles", name), join(repository.folder, name));
      }
      const catalog: unknown = JSON.parse(readFileSync(join(root, "catalog/catalog.json"), "utf8"));
      const entries = valueAt(catalog, "entries");
      if (!Array.isArray(entries)) throw new Error("the catalog has no entries");
      repository.publish(catalogText(1001, entries));
      await sync();
      await host.world.nginx.stop();
      // What the folder was made from is gone.
      rmSync(repository.folder, { recursive: true });

      await using reader = newHost(folder());
      const offline = async (...args: readonly string[]): Promise<unknown> =>
        documentOf(await withoutNetwork(reader, args));
      expect(await offline("catalog", "update")).toMatchObject({
        serial: 1001,
        source: folder(),
      });
      expect(await offline("kernel", "pull", "generic-6.12:x86_64")).toMatchObject({
        results: [{ outcome: "installed" }],
      });
      expect(await offline("kernel", "verify", "generic-6.12:x86_64")).toMatchObject({
        kernels: [{ ok: true }],
      });
      const boot = await offline("kernel", "boot", "generic-6.12:x86_64");
      expect(boot).toMatchObject({ proven: true });
      expect(new Set(probesOf(boot).values())).toEqual(new Set(["pass"]));
      // A mirror behind the gap, of the mirror that was carried there.
      const behind = join(reader.work, "behind");
      expect(await offline("mirror", "sync", behind, "--no-refresh")).toMatchObject({
        serial: 1001,
        signed: true,
      });
      expect(snapshotOf(behind)).toEqual(snapshotOf(folder()));
    },
    bootLimitMs,
  );

  test("a stick that was on its way for long is taken with --accept-expired", async () => {
    const { repository } = host.world;
    repository.publish(catalogText(1001, [makeBundle(repository.folder)]));
    await sync();
    // The time passes: what was signed then was good until yesterday.
    const late = "2026-01-01T00:00:00Z";
    repository.state.timestamp.expires = late;
    repository.state.snapshot.expires = late;
    repository.write();
    for (const name of ["timestamp", "2.snapshot"]) {
      const file = `metadata/${name}.json`;
      copyFileSync(join(repository.folder, file), join(folder(), file));
    }
    await using reader = newHost(folder());
    const words = ["catalog", "update", "--from", folder(), "--json"];
    requireExit(await withoutNetwork(reader, words), 4);
    documentOf(await withoutNetwork(reader, [...words, "--accept-expired"]));
    requireExit(await withoutNetwork(reader, ["kernel", "pull", "generic-6.12"]));
    const behind = ["mirror", "sync", "behind", "--no-refresh"];
    const result = requireExit(await withoutNetwork(reader, behind));
    expect(result.stderr).toContain(`the signatures were good until ${late}`);
  });
});

/** Runs banger where there is no network device but a loopback that is down. */
function withoutNetwork(reader: Sandbox, args: readonly string[]): Promise<ChildResult> {
  const flags = process.getuid?.() === 0 ? ["--net"] : ["--net", "--map-root-user"];
  return runChild({
    file: "/usr/bin/unshare",
    args: [...flags, host.world.executable, ...args, "--json"],
    env: reader.environment,
    cwd: reader.work,
    timeoutMs: bootLimitMs,
  });
}
