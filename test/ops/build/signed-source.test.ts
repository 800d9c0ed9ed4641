import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../../src/io/hash.ts";
import type { ReleaseKeys } from "../../../src/ops/build/release-keys.ts";
import { kernelOrg } from "../../../src/ops/build/signed-source.ts";
import { FakeKernelOrg } from "../../support/fake-kernel-org.ts";
import { serve } from "../../support/http-server.ts";
import { kernelTarball, tarballTime } from "../../support/kernel-tarball.ts";
import { randomBytesOf } from "../../support/small-kernel.ts";
import { SourceWorld, versionOf } from "../../support/source-world.ts";

const year2020 = "20200101T000000";
const spring2020 = "20200401T000000";
const tarball = kernelTarball("6.12.60", { ballast: randomBytesOf("ballast", 300_000) });
const sha256 = sha256Of(tarball.xz);
const tree = sha256.slice(0, 12);
let world: SourceWorld;
let keys: ReleaseKeys;
let spoiltKeys: ReleaseKeys;
let signedByRevoked = "";

beforeAll(() => {
  world = new SourceWorld();
  const { gpg } = world;
  for (const name of ["one", "two", "foreign", "revoked"]) gpg.makeKey(name);
  gpg.makeKey("expired", { at: year2020, expires: "1y" });
  gpg.makeKey("old", { at: year2020 });
  signedByRevoked = gpg.sign(["revoked"], tarball.tar);
  gpg.revoke("revoked");
  keys = world.keys("one", "two", "old");
  spoiltKeys = world.keys("one", "expired", "revoked");
});

beforeEach(async () => {
  await world.reset();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** A cache that has got nothing to build from. */
function expectNothingUnpacked(): void {
  const { trees, sources } = world.held();
  expect([trees, sources]).toEqual([[], []]);
}

describe("a signed source", () => {
  test("is the newest of its line, unpacked, with who signed it", async () => {
    const older = kernelTarball("6.12.9");
    world.org.release("6.12.9", older, world.gpg.sign(["one"], older.tar));
    world.org.release("6.12.60", tarball, world.gpg.sign(["two"], tarball.tar));
    const { outcome, source, context } = await world.obtain(keys);
    expect(outcome).toBe("done");
    expect(source).toEqual({
      version: versionOf("6.12.60"),
      tree: join(world.cache, "trees", tree),
      sourceDateEpoch: tarballTime,
      trust: {
        kind: "signature",
        holder: "The two holder",
        fingerprint: world.gpg.fingerprint("two"),
      },
      tarball: {
        name: "linux-6.12.60.tar.xz",
        url: `${world.org.server.url}${FakeKernelOrg.path("6.12.60")}`,
        sha256,
      },
    });
    expect(readFileSync(join(world.cache, "sources", sha256)).equals(tarball.xz)).toBe(true);
    expect(statSync(join(world.cache, "trees", tree, "scripts/run")).mode & 0o111).not.toBe(0);
    expect(world.held()).toEqual({
      locks: [],
      parts: ["linux-6.12.60.tar.xz.fetched"],
      sources: [sha256],
      trees: [tree],
    });
    expect(context.reports.filter(({ kind }) => kind === "stage")).toHaveLength(2);
  });

  test("is the one of the version that was asked for, without a look at the list", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    expect((await world.obtain(keys, { version: "6.12.60" })).outcome).toBe("done");
    expect(world.org.server.requestsFor("/releases.json")).toHaveLength(0);
  });

  test("is not fetched nor unpacked again, but verified again", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    const first = await world.obtain(keys);
    const mark = join(world.cache, "trees", tree, "mark");
    writeFileSync(mark, "");
    const before = world.org.server.requests.length;
    expect((await world.obtain(keys)).source).toEqual(first.source);
    expect(world.org.server.requests.slice(before).map(({ path }) => path)).toEqual([
      "/releases.json",
    ]);
    expect(existsSync(mark)).toBe(true);
    const others = world.keys("two", "old", "foreign");
    expect((await world.obtain(others)).outcome).toStartWith("verification-failed: ");
  });

  test("is fetched again when the cache holds other bytes", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    await world.obtain(keys);
    writeFileSync(join(world.cache, "sources", sha256), "other bytes");
    expect((await world.obtain(keys)).outcome).toBe("done");
    expect(readFileSync(join(world.cache, "sources", sha256)).equals(tarball.xz)).toBe(true);
  });

  test("of a line that has ended is told of", async () => {
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar), true);
    const { outcome, context } = await world.obtain(keys);
    expect(outcome).toBe("done");
    expect(context.reports[0]).toEqual({
      kind: "step",
      name: "linux-6.12.60",
      text: "kernel.org mends 6.12 no more",
    });
  });

  test("comes from kernel.org over https, unless a test says otherwise", () => {
    expect(kernelOrg).toEqual({
      releasesUrl: "https://www.kernel.org/releases.json",
      folderUrl: "https://cdn.kernel.org/pub/linux/kernel",
    });
  });
});

describe("nothing is unpacked when the signature", () => {
  test.each<[string, () => string, string]>([
    [
      "is of other bytes",
      () => world.gpg.sign(["one"], `${tarball.tar.toString("latin1")}x`),
      "the tarball does not hold the bytes that were signed",
    ],
    [
      "is of the tarball as it is served, and not of the tar within",
      () => world.gpg.sign(["one"], tarball.xz),
      "the tarball does not hold the bytes that were signed",
    ],
    [
      "is a stranger's",
      () => world.gpg.sign(["foreign"], tarball.tar),
      "none of the release keys has signed it",
    ],
    [
      "is by a key that has expired since",
      () => world.gpg.sign(["expired"], tarball.tar, { at: spring2020 }),
      "the key that signed it has expired",
    ],
    [
      "is by a key that was revoked since",
      () => signedByRevoked,
      "the key that signed it is revoked",
    ],
    [
      "has expired",
      () => world.gpg.sign(["old"], tarball.tar, { at: spring2020, expires: "1d" }),
      "the signature has expired",
    ],
    [
      "is there twice",
      () => world.gpg.sign(["one"], tarball.tar).repeat(2),
      "there is no detached signature in it",
    ],
    [
      "is there twice in one block",
      () => world.gpg.sign(["one", "two"], tarball.tar),
      "there are several signatures, expected one",
    ],
    [
      "has a stranger's beside it",
      () => world.gpg.sign(["one", "foreign"], tarball.tar),
      "there are several signatures, expected one",
    ],
    [
      "is a signed message",
      () => world.gpg.sign(["one"], tarball.tar, { form: "attached" }).slice(0, 10_000),
      "it is a message or a key, not a detached signature",
    ],
    [
      "is a signed message that calls itself a signature",
      () =>
        world.gpg
          .sign(["one"], "other bytes", { form: "attached" })
          .replaceAll("PGP MESSAGE", "PGP SIGNATURE"),
      "it is a message or a key, not a detached signature",
    ],
    [
      "is of a text",
      () => world.gpg.sign(["one"], tarball.tar, { form: "text" }),
      "it signs a text whose line ends may change, not these bytes",
    ],
    [
      "has a weak hash",
      () => world.gpg.sign(["one"], tarball.tar, { hash: "SHA1" }),
      "its hash is weaker than SHA-256",
    ],
    ["is empty", () => "", "there is no detached signature in it"],
    ["is a page of HTML", () => "<html>busy</html>\n", "there is no detached signature in it"],
  ])("%s", async (name, sign, reason) => {
    world.org.release("6.12.60", tarball, sign());
    const wanted = name.startsWith("is by a key") ? spoiltKeys : keys;
    expect((await world.obtain(wanted)).outcome).toBe(
      `verification-failed: the signature of linux-6.12.60.tar.xz does not count: ${reason}`,
    );
    expectNothingUnpacked();
    expect(world.held()["parts"]).toEqual([]);
  });

  test("is not there, or longer than any", async () => {
    world.org.serveTarball("6.12.60", serve(tarball.xz));
    expect((await world.obtain(keys, { version: "6.12.60" })).outcome).toBe(
      "network: cannot get linux-6.12.60.tar.sign: SERVER/pub/linux/kernel/v6.x/linux-6.12.60.tar.sign answered 404",
    );
    world.org.release("6.12.60", tarball, "x".repeat(20_000));
    expect((await world.obtain(keys)).outcome).toStartWith("verification-failed: cannot get linux");
    expectNothingUnpacked();
  });
});

describe("nothing is unpacked when the tarball", () => {
  test("has one other bit, and a good one is taken after it", async () => {
    const wrong = Buffer.from(tarball.xz);
    wrong[100_000] = (wrong[100_000] ?? 0) ^ 1;
    world.org.release("6.12.60", tarball, world.gpg.sign(["one"], tarball.tar));
    world.org.serveTarball("6.12.60", serve(wrong));
    expect((await world.obtain(keys)).outcome).toStartWith("verification-failed: ");
    expectNothingUnpacked();
    world.org.serveTarball("6.12.60", serve(tarball.xz));
    expect((await world.obtain(keys)).outcome).toBe("done");
  });

  test("is an older one with its own good signature", async () => {
    const older = kernelTarball("6.12.9");
    world.org.release("6.12.60", older, world.gpg.sign(["one"], older.tar));
    expect((await world.obtain(keys)).outcome).toBe(
      "verification-failed: the source is Linux 6.12.9, expected 6.12.60",
    );
    expect(world.held()["trees"]).toEqual([]);
  });

  test("is signed, but is no kernel", async () => {
    const other = kernelTarball("6.12.60", { makefile: "all:\n" });
    world.org.release("6.12.60", other, world.gpg.sign(["one"], other.tar));
    expect((await world.obtain(keys)).outcome).toBe(
      "verification-failed: the source is no kernel: it has no Makefile with a version",
    );
    expect(world.held()["trees"]).toEqual([]);
  });
});
