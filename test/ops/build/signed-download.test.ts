import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../../src/io/hash.ts";
import type { ReleaseKeys } from "../../../src/ops/build/release-keys.ts";
import { FakeKernelOrg } from "../../support/fake-kernel-org.ts";
import { serve, status, truncateAfter } from "../../support/http-server.ts";
import { kernelTarball } from "../../support/kernel-tarball.ts";
import { randomBytesOf } from "../../support/small-kernel.ts";
import { SourceWorld } from "../../support/source-world.ts";

const tarball = kernelTarball("6.12.60", { ballast: randomBytesOf("ballast", 300_000) });
const tree = sha256Of(tarball.xz).slice(0, 12);
let world: SourceWorld;
let keys: ReleaseKeys;

beforeAll(() => {
  world = new SourceWorld();
  for (const name of ["one", "two", "three"]) world.gpg.makeKey(name);
  keys = world.keys("one", "two", "three");
});

beforeEach(async () => {
  await world.reset();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe("a download", () => {
  test("that was cut goes on in the next run", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    const cut = truncateAfter(100_000, tarball.xz, { pace: { bytes: 50_000, everyMs: 50 } });
    world.org.serveTarball("6.12.60", serve(tarball.xz), cut, serve(tarball.xz));
    expect((await world.obtain(keys)).outcome).toStartWith("network: cannot get linux-6.12.60.tar");
    expect(world.held()).toMatchObject({ sources: [], trees: [] });
    const { outcome } = await world.obtain(keys);
    expect(outcome).toBe("done");
    const last = world.org.server.requestsFor(FakeKernelOrg.path("6.12.60")).at(-1);
    expect(last?.headers["range"]).toBe("bytes=100000-");
  });

  test("is tried again when the server was busy", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    world.org.serveTarball("6.12.60", status(503, { "Retry-After": "0" }), serve(tarball.xz));
    expect((await world.obtain(keys, { retries: 2 })).outcome).toBe("done");
  });

  test("of two builds at once happens once", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    const both = await Promise.all([world.obtain(keys), world.obtain(keys)]);
    expect(both.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect(world.org.asked("6.12.60")).toEqual(["HEAD", "GET"]);
  });

  test("stops with the reason of whoever stops it", async () => {
    const stop = new AbortController();
    const enough = new Error("enough");
    stop.abort(enough);
    const { signal } = stop;
    expect(await world.obtain(keys, { signal }).catch((error: unknown) => error)).toBe(enough);
  });

  test("that was killed while unpacking leaves nothing that stays", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    mkdirSync(join(world.cache, "trees/.tmp-0123456789abcdef/linux"), { recursive: true });
    expect((await world.obtain(keys)).outcome).toBe("done");
    expect(world.held()["trees"]).toEqual([tree]);
  });
});

describe("the list of releases", () => {
  test("that has no such line says which it has", async () => {
    world.org.release("6.12.60", tarball, "");
    expect((await world.obtain(keys, { line: "5.4" })).outcome).toBe(
      "not-found: kernel.org has no signed release of the line 5.4",
    );
  });

  test("that is none is an error of the network", async () => {
    world.org.server.on("/releases.json", serve(Buffer.from("<html>")));
    expect((await world.obtain(keys)).outcome).toBe("network: SERVER/releases.json is not JSON");
    world.org.server.on("/releases.json", status(500));
    expect((await world.obtain(keys)).outcome).toBe(
      "network: cannot get releases.json: SERVER/releases.json answered 500",
    );
  });

  test("is not asked for a version of another line, which is a slip", async () => {
    expect((await world.obtain(keys, { version: "6.1.9" })).outcome).toBe(
      "usage: 6.1.9 is not of the line 6.12",
    );
    expect(world.org.server.requests).toEqual([]);
  });
});
