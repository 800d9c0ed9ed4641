/** `catalog update` of good repositories, served by nginx and from folders, and what is kept of them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { initializeTUFRepo, tufHandlers } from "@tufjs/repo-mock";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { Sandbox } from "../support/sandbox.ts";
import { inDays } from "../support/signed-repository.ts";
import { catalogText, embeddedSerial, RootOfTrust, UpdateWorld } from "../support/update-world.ts";

let trust: RootOfTrust;
let world: UpdateWorld;

beforeAll(() => {
  trust = new RootOfTrust();
}, 120_000);
afterAll(() => {
  trust[Symbol.dispose]();
});
beforeEach(async () => {
  world = await UpdateWorld.start(trust);
});
afterEach(() => world[Symbol.asyncDispose]());

describe("catalog update", () => {
  test("brings the newest catalog, tells that there is no newer one, and pull takes from it", async () => {
    const entry = world.sandbox.bundle({ version: "6.12.9" });
    world.repository.publish(catalogText(1001, [entry]));
    const updated = documentOf(await world.update());
    expect(updated).toMatchObject({
      outcome: "updated",
      serial: 1001,
      serial_before: embeddedSerial,
    });
    expect(await world.status()).toMatchObject({ from: "updated", serial: 1001, problem: null });
    expect(documentOf(await world.update())).toMatchObject({ outcome: "current", serial: 1001 });
    world.sandbox.useMirrors();
    requireExit(await world.sandbox.banger(["kernel", "pull", "generic-6.12"]));
    expect(
      documentOf(await world.sandbox.banger(["kernel", "show", "generic-6.12", "--json"])),
    ).toMatchObject({
      installed: { kernel_version: "6.12.9", catalog_serial: 1001 },
    });
  });

  test("fetches again only what is new", async () => {
    documentOf(await world.update());
    const before = world.nginx.requests().length;
    documentOf(await world.update());
    const paths = world.nginx
      .requests()
      .slice(before)
      .map(({ path }) => path);
    expect(paths).toEqual(["/metadata/2.root.json", "/metadata/timestamp.json"]);
  });

  test("follows rotated keys of every role, also after several rotations at once", async () => {
    documentOf(await world.update());
    for (const role of ["timestamp", "snapshot", "targets", "root", "root"] as const) {
      world.repository.rotate(role);
    }
    world.repository.publish(catalogText(1002));
    expect(documentOf(await world.update())).toMatchObject({ outcome: "updated", serial: 1002 });
    const document = await world.status();
    expect(valueAt(document, "repository.roles.0")).toMatchObject({
      role: "root",
      version: 6,
    });
    rmSync(world.sandbox.state, { recursive: true });
    expect(documentOf(await world.update())).toMatchObject({ outcome: "updated", serial: 1002 });
  });

  test("takes an expired repository only from a folder, and only when it is told to", async () => {
    world.repository.state.timestamp.expires = inDays(-30);
    world.repository.state.snapshot.expires = inDays(-30);
    world.repository.publish(catalogText(1001));
    const { folder: from } = world.repository;
    await world.expectRefused(["--from", from], /has expired/);
    await world.expectRefused(["--accept-expired"], /--from/, 2);
    const words = ["--from", from, "--accept-expired"];
    expect(documentOf(await world.update(...words))).toMatchObject({
      outcome: "updated",
      serial: 1001,
    });
    expect(documentOf(await world.update(...words))).toMatchObject({
      outcome: "current",
      serial: 1001,
    });
  });

  test("says what is missing of a repository, and of one that is none", async () => {
    world.repository.publish(catalogText(1001));
    world.repository.remove("metadata/2.snapshot.json");
    expect(requireExit(await world.update(), 5).stderr).toContain(
      "has no metadata/2.snapshot.json",
    );
    await world.expectRefused(
      ["--from", world.sandbox.work],
      /has no metadata\/timestamp\.json/,
      5,
    );
    await world.expectRefused(["--from", join(world.sandbox.work, "gone")], /has no metadata/, 5);
  });

  test("heals what was torn or forged in the state folder", async () => {
    documentOf(await world.update());
    const file = join(world.sandbox.state, "catalogs/banger.json");
    const whole = readFileSync(file, "utf8");
    for (const text of [
      "",
      whole.slice(0, 1000),
      "{}",
      whole.replace('\\"serial\\": 1000', '\\"serial\\": 9999'),
    ]) {
      writeFileSync(file, text);
      const document = await world.status();
      expect(document).toMatchObject({ from: "embedded", serial: embeddedSerial });
      expect(textAt(document, "problem")).toContain("is of no use");
      requireExit(await world.sandbox.banger(["kernel", "list", "--available"]));
      expect(documentOf(await world.update())).toMatchObject({ outcome: "updated", serial: 1000 });
    }
  });

  test("takes a repository that another program made, without consistent snapshots", async () => {
    const made = initializeTUFRepo([{ name: "catalog.json", content: catalogText(1005) }]);
    const root = JSON.stringify(made.rootMeta.toJSON());
    const folder = join(world.sandbox.work, "foreign");
    const put = (file: string, text: string | Buffer): void => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    };
    for (const { path, fn } of tufHandlers(made, {})) {
      const { statusCode, response } = fn();
      if (statusCode === 200) put(path, response);
    }
    const executable = rootedExecutable(world.sandbox.folder, root);
    await using host = new Sandbox({ executable });
    const words = ["catalog", "update", "--json", "--from", folder];
    expect(documentOf(await host.banger(words))).toMatchObject({ serial: 1005 });
    put("targets/catalog.json", catalogText(1006));
    expect(documentOf(await host.banger(words))).toMatchObject({
      outcome: "current",
      serial: 1005,
    });
    rmSync(host.state, { recursive: true });
    expect(textAt(documentOf(await host.banger(words), 4), "error.message")).toContain("verify");
  }, 120_000);
});
