import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../../src/io/hash.ts";
import { withBuildLock } from "../../../src/ops/build/lock.ts";
import { obtainPinned } from "../../../src/ops/build/pinned.ts";
import { outcomeOf } from "../../support/context.ts";
import { serve } from "../../support/http-server.ts";
import { SourceWorld } from "../../support/source-world.ts";

const bytes = Buffer.from("CONFIG_64BIT=y\n".repeat(100));
const sha256 = sha256Of(bytes);
let world: SourceWorld;

beforeAll(() => {
  world = new SourceWorld();
});

beforeEach(async () => {
  await world.reset();
  world.org.server.on("/a.config", serve(bytes));
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

function obtain(maxBytes = 2 ** 20, hash = sha256): Promise<string> {
  const pin = { name: "a.config", url: `${world.org.server.url}/a.config`, sha256: hash };
  return obtainPinned(world.context(), world.cache, pin, maxBytes);
}

describe("a pinned file", () => {
  test("is fetched once, and lies in the cache by its hash", async () => {
    const file = await obtain();
    expect(file).toBe(join(world.cache, "sources", sha256));
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(await obtain()).toBe(file);
    expect(world.org.server.requests).toHaveLength(1);
    expect(world.held()).toEqual({ locks: [], parts: [], sources: [sha256], trees: [] });
  });

  test("that somebody has put into the cache is asked of nobody", async () => {
    mkdirSync(join(world.cache, "sources"));
    writeFileSync(join(world.cache, "sources", sha256), bytes);
    await obtain();
    expect(world.org.server.requests).toEqual([]);
  });

  test("is fetched again when the cache holds other bytes", async () => {
    mkdirSync(join(world.cache, "sources"));
    writeFileSync(join(world.cache, "sources", sha256), "other bytes");
    expect(readFileSync(await obtain()).equals(bytes)).toBe(true);
  });

  test("with other bytes is refused, and nothing of it is kept", async () => {
    const other = sha256Of("other");
    expect(await outcomeOf(() => obtain(2 ** 20, other))).toBe(
      `verification-failed: cannot use a.config: sha256 is ${sha256}, expected ${other}`,
    );
    expect(world.held()).toEqual({ locks: [], parts: [], sources: [], trees: [] });
  });

  test("that is too large, or not there, is refused", async () => {
    expect(await outcomeOf(() => obtain(bytes.length - 1))).toStartWith(
      "verification-failed: cannot get a.config: the server sends more than",
    );
    world.org.server.on("/a.config", serve(bytes));
    await world.reset();
    const failure: unknown = await obtain().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "network",
      hint: `a copy with the SHA-256 ${sha256} may be put to ${join(world.cache, "sources", sha256)}`,
    });
  });

  test("is fetched once by two builds at once", async () => {
    const both = await Promise.all([obtain(), obtain()]);
    expect(new Set(both).size).toBe(1);
    expect(world.org.server.requests).toHaveLength(1);
  });
});

describe("a build", () => {
  test("keeps out another of its name, and none of another name", async () => {
    const context = world.context();
    const inner = await withBuildLock(context, world.cache, "generic-6.12-x86_64", async () => [
      await outcomeOf(() =>
        withBuildLock(context, world.cache, "generic-6.12-x86_64", () => Promise.resolve()),
      ),
      await outcomeOf(() =>
        withBuildLock(context, world.cache, "generic-6.12-arm64", () => Promise.resolve()),
      ),
    ]);
    expect(inner).toEqual([
      `busy: cannot build generic-6.12-x86_64: process ${process.pid} (building generic-6.12-x86_64) holds the lock`,
      "done",
    ]);
  });

  test("lets the next one in when it has ended or failed", async () => {
    const context = world.context();
    const broken = new Error("broken");
    const failure: unknown = await withBuildLock(context, world.cache, "a", () =>
      Promise.reject(broken),
    ).catch((error: unknown) => error);
    expect(failure).toBe(broken);
    expect(await withBuildLock(context, world.cache, "a", () => Promise.resolve(1))).toBe(1);
    expect(world.held()).toEqual({ locks: [] });
  });
});
