import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Sha256 } from "../../../src/core/sha256.ts";
import { sha256Of } from "../../../src/io/hash.ts";
import type { ReleaseKeys } from "../../../src/ops/build/release-keys.ts";
import { HttpServer, newEtagEachTime, serve, truncateAfter } from "../../support/http-server.ts";
import { kernelTarball, tarballTime } from "../../support/kernel-tarball.ts";
import { LoopDevice, loopDeviceObstacle } from "../../support/loop-device.ts";
import { randomBytesOf } from "../../support/small-kernel.ts";
import { type Obtained, SourceWorld, versionOf, type Wish } from "../../support/source-world.ts";

const tarball = kernelTarball("6.12.117", {
  top: "linux-source-6.12",
  ballast: randomBytesOf("debian", 300_000),
});
const sha256 = sha256Of(tarball.xz);
const tree = sha256.slice(0, 12);
let world: SourceWorld;
let keys: ReleaseKeys;
let file = "";

beforeAll(() => {
  world = new SourceWorld();
  for (const name of ["one", "two", "three"]) world.gpg.makeKey(name);
  keys = world.keys("one", "two", "three");
  file = join(world.folder, "linux-source-6.12.tar.xz");
  writeFileSync(file, tarball.xz);
});

beforeEach(async () => {
  await world.reset();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

function obtain(source: string, hash: Sha256 = sha256, wish: Wish = {}): Promise<Obtained> {
  return world.obtain(keys, { ...wish, mirrored: { source, sha256: hash } });
}

/** What the cache holds of it: `[sources, trees]`. */
function held(): readonly unknown[] {
  const { sources, trees } = world.held();
  return [sources, trees];
}

describe("a mirrored source", () => {
  test("is trusted for its hash, whatever its top folder is called", async () => {
    const { outcome, source } = await obtain(file);
    expect(outcome).toBe("done");
    expect(source).toEqual({
      version: versionOf("6.12.117"),
      tree: join(world.cache, "trees", tree),
      sourceDateEpoch: tarballTime,
      trust: { kind: "hash" },
      tarball: { name: "linux-source-6.12.tar.xz", url: undefined, sha256 },
    });
    expect(readdirSync(join(world.cache, "trees", tree)).sort()).toEqual([
      "Makefile",
      "ballast",
      "scripts",
    ]);
    expect(world.held()).toEqual({ locks: [], parts: [], sources: [sha256], trees: [tree] });
    expect(world.org.server.requests).toEqual([]);
  });

  test.each<[string, () => string]>([
    ["a file:// URL", () => `file://${file}`],
    ["one with a host that is ours", () => `file://localhost${file}`],
    ["a relative path", () => relative(process.cwd(), file)],
    [
      "a link to it",
      () => {
        const link = join(world.cache, "link.tar.xz");
        symlinkSync(file, link);
        return link;
      },
    ],
  ])("is taken from %s", async (_, source) => {
    expect((await obtain(source())).outcome).toBe("done");
  });

  test("is taken over http, and its URL is told without what may be secret", async () => {
    await using server = await HttpServer.start();
    server.on("/pool/linux_6.12.117.orig.tar.xz", serve(tarball.xz));
    const url = `${server.url}/pool/linux_6.12.117.orig.tar.xz`;
    const { outcome, source } = await obtain(`${url}?token=secret`);
    expect(outcome).toBe("done");
    expect(source?.tarball).toEqual({ name: "linux_6.12.117.orig.tar.xz", url, sha256 });
  });

  test("that is in the cache is asked of nobody", async () => {
    await obtain(file);
    expect((await obtain("/nowhere/linux.tar.xz")).outcome).toBe("done");
    expect((await obtain("http://127.0.0.1:9/linux.tar.xz")).outcome).toBe("done");
  });

  test("whose tree was removed is unpacked again from the cache", async () => {
    await obtain(file);
    rmSync(join(world.cache, "trees"), { recursive: true });
    expect((await obtain("/nowhere/linux.tar.xz")).outcome).toBe("done");
    expect(held()).toEqual([[sha256], [tree]]);
  });

  test("that was cut goes on in the next run", async () => {
    await using server = await HttpServer.start();
    const cut = truncateAfter(100_000, tarball.xz, { pace: { bytes: 50_000, everyMs: 50 } });
    server.on("/a.tar.xz", serve(tarball.xz), cut, serve(tarball.xz));
    const url = `${server.url}/a.tar.xz`;
    expect((await obtain(url)).outcome).toStartWith("network: cannot get a.tar.xz: ");
    expect((await obtain(url)).outcome).toBe("done");
    expect(server.requests.at(-1)?.headers["range"]).toBe("bytes=100000-");
  });

  test("whose first half was another file is fetched from its start", async () => {
    await using server = await HttpServer.start();
    const etag = '"always"';
    const other = Buffer.from(tarball.xz).fill(0, 1000, 2000);
    const pace = { bytes: 50_000, everyMs: 50 };
    const cut = truncateAfter(100_000, other, { pace, etag });
    server.on("/a.tar.xz", serve(tarball.xz, { etag }), cut, serve(tarball.xz, { etag }));
    await obtain(`${server.url}/a.tar.xz`);
    expect((await obtain(`${server.url}/a.tar.xz`)).outcome).toBe("done");
    await world.reset();
    server.on("/a.tar.xz", newEtagEachTime(tarball.xz));
    expect((await obtain(`${server.url}/a.tar.xz`)).outcome).toBe("done");
  });
});

describe("a mirrored source is refused, and nothing is unpacked, when", () => {
  const other = sha256Of("another hash");

  test("its hash is another, from a file as from a server", async () => {
    await using server = await HttpServer.start();
    server.on("/a.tar.xz", serve(tarball.xz));
    for (const source of [file, `${server.url}/a.tar.xz`]) {
      expect((await obtain(source, other)).outcome).toEndWith(
        `: sha256 is ${sha256}, expected ${other}`,
      );
      expect(held()).toEqual([[], []]);
    }
  });

  test("the cache holds other bytes by its hash, and there is nothing else", async () => {
    mkdirSync(join(world.cache, "sources"));
    writeFileSync(join(world.cache, "sources", sha256), "other bytes");
    expect((await obtain("/nowhere/a.tar.xz")).outcome).toBe(
      "not-found: there is no source /nowhere/a.tar.xz",
    );
    expect(held()).toEqual([[], []]);
  });

  test("it is of another line or version", async () => {
    expect((await obtain(file, sha256, { line: "6.1" })).outcome).toBe(
      "verification-failed: the source is Linux 6.12.117, expected one of the line 6.1",
    );
    expect((await obtain(file, sha256, { version: "6.12.118" })).outcome).toBe(
      "verification-failed: the source is Linux 6.12.117, expected 6.12.118",
    );
    expect(held()).toEqual([[sha256], []]);
  });

  test("it is another file than a tarball", async () => {
    const text = join(world.folder, "text");
    writeFileSync(text, "VERSION = 6\n");
    expect((await obtain(text, sha256Of("VERSION = 6\n"))).outcome).toStartWith(
      "verification-failed: the source is none of .tar.xz",
    );
  });

  test.each([
    ["", 'usage: "" is not a source'],
    ["ftp://127.0.0.1/a.tar.xz", 'usage: "ftp://127.0.0.1/a.tar.xz" is not a source'],
    ["file://elsewhere/a.tar.xz", 'usage: "file://elsewhere/a.tar.xz" is not a source'],
    ["file:///%ff", 'usage: "file:///%ff" is not a source'],
    ["/tmp", "usage: the source /tmp is not a file"],
    ["/dev/zero", "usage: the source /dev/zero is not a file"],
    ["/nowhere/a", "not-found: there is no source /nowhere/a"],
  ])("it is %j", async (source, message) => {
    expect((await obtain(source)).outcome).toBe(message);
  });
});

const obstacle = loopDeviceObstacle();

describe.skipIf(obstacle !== undefined)("on a full disk", () => {
  const large = kernelTarball("6.12.118", { ballast: randomBytesOf("large", 6 * 2 ** 20) });
  const hash = sha256Of(large.xz);

  /** How getting it ends with so much room for it, and what is left among the trees. */
  async function withRoomFor(bytes: number): Promise<readonly unknown[]> {
    using device = LoopDevice.create("ext4", { sizeMib: 40 });
    const big = join(world.folder, "large.tar.xz");
    writeFileSync(big, large.xz);
    const cache = join(device.folder, "cache");
    mkdirSync(join(cache, "trees"), { recursive: true });
    const { bavail, bsize } = statfsSync(device.folder);
    writeFileSync(join(device.folder, "filler"), Buffer.alloc(bavail * bsize - bytes));
    const wish = { cache, mirrored: { source: big, sha256: hash } };
    const full = await world.obtain(keys, wish);
    const left = readdirSync(join(cache, "trees"));
    rmSync(join(device.folder, "filler"));
    const again = await world.obtain(keys, wish);
    return [full.outcome.split(":")[0], left, again.outcome];
  }

  test.each([
    ["the tarball", 3],
    ["the tar within", 9],
    ["the tree", 16],
  ])("there is no room for %s: nothing half is left, and with room it works", async (_, mib) => {
    expect(await withRoomFor(mib * 2 ** 20)).toEqual(["no-space", [], "done"]);
  });
});
