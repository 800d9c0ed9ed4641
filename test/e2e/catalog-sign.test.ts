/** `banger-maint catalog sign` and `trust renew`: what people sign, and what CI makes of it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { TrustWorld } from "../support/trust-world.ts";

let world: TrustWorld;

beforeEach(() => {
  world = new TrustWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe("the catalog", () => {
  test("is signed by two over the same bytes, and each sees what changes", async () => {
    await world.keys.found(world.run);
    const first = documentOf(await world.signCatalog("t1"));
    expect(first).toMatchObject({ serial_before: null, signed: { version: 1, missing: 1 } });
    expect(await world.status(7)).toMatchObject({ problems: ["the catalog lacks 1 signature"] });
    await world.expectRefused(
      world.renew(),
      "4 verification-failed: metadata/1.targets.json is signed by 1",
    );
    const once = world.bytes();
    expect(documentOf(await world.signCatalog("t1"))).toMatchObject({
      signed: { outcome: "already" },
    });
    expect(world.bytes()).toEqual(once);
    expect(documentOf(await world.sign("t2"))).toMatchObject({
      signed: [{ role: "targets", version: 1, complete: true }],
    });
    expect(textAt(documentOf(await world.signCatalog("t2")), "signed.outcome")).toBe("complete");
    expect(await world.status()).toMatchObject({ ready: true, publishable: false });
    world.changeCatalog((text) =>
      text.replace(/"description": "[^"]*"/, '"description": "Another"'),
    );
    expect(await world.status(7)).toMatchObject({
      problems: [expect.stringContaining("nobody has signed")],
    });
    const next = documentOf(await world.signCatalog("t2"));
    expect(next).toMatchObject({
      changes: [{ change: "changed", fields: ["description"] }],
      signed: { version: 2, missing: 1 },
    });
  });

  test("that changes before all have signed gets another version, never the same", async () => {
    await world.keys.found(world.run);
    await world.keys.signCatalog(world.run);
    world.changeCatalog();
    expect(documentOf(await world.signCatalog("t1"))).toMatchObject({
      signed: { version: 2, missing: 1 },
    });
    world.changeCatalog();
    await world.expectRefused(
      world.sign("t2"),
      "1 refused: metadata/2.targets.json is of another catalog",
    );
    expect(documentOf(await world.signCatalog("t2"))).toMatchObject({
      signed: { version: 3, missing: 1 },
    });
    expect(world.files()).toEqual([
      "metadata/1.root.json",
      "metadata/1.targets.json",
      "metadata/3.targets.json",
      "root.json",
      expect.stringMatching(/^targets\/[0-9a-f]{64}\.catalog\.json$/),
      expect.stringMatching(/^targets\/[0-9a-f]{64}\.catalog\.json$/),
    ]);
  });

  test("never goes back, and breaks no rule", async () => {
    await world.keys.found(world.run);
    await world.keys.signCatalog(world.run);
    const text = readFileSync(world.catalog, "utf8");
    writeFileSync(world.catalog, text.replace(/"serial": \d+/, '"serial": 1'));
    await world.expectRefused(world.signCatalog("t1"), "1 refused: ");
    writeFileSync(world.catalog, text.replace('"serial"', '"cereal"'));
    await world.expectRefused(world.signCatalog("t1"), "1 bad-catalog: ");
    rmSync(world.catalog);
    await world.expectRefused(world.signCatalog("t1"), "1 bad-catalog: there is no catalog");
  });

  test("is signed for longer only when that is asked for", async () => {
    await world.keys.found(world.run);
    await world.keys.signCatalog(world.run, "--days", "3");
    expect(requireExit(await world.run(["trust", "status"])).stderr).toContain(
      "warning: the targets metadata is over in 2 days",
    );
    await world.keys.signCatalog(world.run, "--renew");
    expect(await world.status()).toMatchObject({
      roles: [{ role: "root" }, { role: "targets", version: 2, missing: 0, days_left: 89 }],
    });
  });
});

describe("what CI signs", () => {
  beforeEach(async () => {
    await world.keys.found(world.run);
    await world.keys.signCatalog(world.run);
  });

  test("is a timestamp each time, and a snapshot when the catalog is another or the old one is half over", async () => {
    expect(documentOf(await world.renew())).toMatchObject({
      timestamp_version: 1,
      new_snapshot: true,
    });
    expect(await world.status()).toMatchObject({ publishable: true, obstacle: null });
    expect(documentOf(await world.renew())).toMatchObject({
      timestamp_version: 2,
      new_snapshot: false,
    });
    world.changeCatalog();
    await world.expectRefused(world.renew(), "4 verification-failed: nobody has signed");
    expect(documentOf(await world.renew("--published"))).toMatchObject({
      timestamp_version: 3,
      snapshot_version: 1,
      targets_version: 1,
    });
    await world.keys.signCatalog(world.run);
    expect(documentOf(await world.renew())).toMatchObject({
      snapshot_version: 2,
      targets_version: 2,
    });
    expect(documentOf(await world.renew("--snapshot-days", "30"))).toMatchObject({
      snapshot_version: 3,
    });
  });

  test("makes the folder a whole repository", async () => {
    requireExit(await world.renew());
    expect(world.files()).toEqual([
      "metadata/1.root.json",
      "metadata/1.snapshot.json",
      "metadata/1.targets.json",
      "metadata/timestamp.json",
      "root.json",
      expect.stringMatching(/^targets\/[0-9a-f]{64}\.catalog\.json$/),
    ]);
  });

  test("goes on while a new root waits for signatures, and after keys of its own were replaced", async () => {
    requireExit(await world.renew());
    world.keys.make("timestamp");
    const old = await world.status();
    const id = textAt(old, "roles.3.keys.0.id");
    const words = ["--add", world.keys.publicFile("timestamp"), "--remove", id];
    requireExit(await world.run(["trust", "rotate", "timestamp", ...words]));
    await world.expectRefused(world.renew(), "1 refused: the key");
    for (const name of ["r1", "r3"]) requireExit(await world.sign(name));
    expect(documentOf(await world.renew())).toMatchObject({
      timestamp_version: 2,
      new_snapshot: false,
    });
    expect(await world.status()).toMatchObject({ publishable: true });
  });

  test("begins at a version of our choosing after a theft, and goes on from there", async () => {
    expect(documentOf(await world.renew("--restart-at", "50"))).toMatchObject({
      timestamp_version: 50,
      snapshot_version: 50,
    });
    expect(documentOf(await world.renew())).toMatchObject({
      timestamp_version: 51,
      snapshot_version: 50,
    });
    expect(await world.status()).toMatchObject({ publishable: true });
  });

  test("needs its keys, and something that is published", async () => {
    await world.expectRefused(
      world.run(["trust", "renew", "--local", "--json"]),
      "1 failed: there is no key in the environment variable BANGER_SNAPSHOT_KEY",
    );
    await world.expectRefused(
      world.renew("--published"),
      "1 failed: nothing that we have signed is published",
    );
  });
});
