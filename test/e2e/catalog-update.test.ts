/** `catalog update` of good repositories, served by nginx and from folders, and what is kept of them. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
// Not by its index, which puts a mock in the place of this process's own fetch.
import { tufHandlers } from "@tufjs/repo-mock/dist/handler";
import { initializeTUFRepo } from "@tufjs/repo-mock/dist/repo";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { Sandbox } from "../support/sandbox.ts";
import { inDays } from "../support/signed-repository.ts";
import { catalogText, embeddedSerial, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();

describe("catalog update", () => {
  test("brings the newest catalog, tells that there is no newer one, and pull takes from it", async () => {
    const entry = host.world.sandbox.bundle({ version: "6.12.9" });
    host.world.repository.publish(catalogText(1001, [entry]));
    const updated = documentOf(await host.world.update());
    expect(updated).toMatchObject({
      outcome: "updated",
      serial: 1001,
      serial_before: embeddedSerial,
    });
    expect(await host.world.status()).toMatchObject({
      from: "updated",
      serial: 1001,
      problem: null,
    });
    expect(documentOf(await host.world.update())).toMatchObject({
      outcome: "current",
      serial: 1001,
    });
    host.world.sandbox.useMirrors();
    requireExit(await host.world.sandbox.banger(["kernel", "pull", "generic-6.12"]));
    expect(
      documentOf(await host.world.sandbox.banger(["kernel", "show", "generic-6.12", "--json"])),
    ).toMatchObject({
      installed: { kernel_version: "6.12.9", catalog_serial: 1001 },
    });
  });

  test("fetches again only what is new", async () => {
    documentOf(await host.world.update());
    const before = host.world.nginx.requests().length;
    documentOf(await host.world.update());
    const paths = host.world.nginx
      .requests()
      .slice(before)
      .map(({ path }) => path);
    expect(paths).toEqual(["/metadata/2.root.json", "/metadata/timestamp.json"]);
  });

  test("follows rotated keys of every role, also after several rotations at once", async () => {
    documentOf(await host.world.update());
    for (const role of ["timestamp", "snapshot", "targets", "root", "root"] as const) {
      host.world.repository.rotate(role);
    }
    host.world.repository.publish(catalogText(1002));
    expect(documentOf(await host.world.update())).toMatchObject({
      outcome: "updated",
      serial: 1002,
    });
    const document = await host.world.status();
    expect(valueAt(document, "repository.roles.0")).toMatchObject({
      role: "root",
      version: 6,
    });
    rmSync(host.world.sandbox.state, { recursive: true });
    expect(documentOf(await host.world.update())).toMatchObject({
      outcome: "updated",
      serial: 1002,
    });
  });

  test("takes an expired repository only from a folder, and only when it is told to", async () => {
    host.world.repository.state.timestamp.expires = inDays(-30);
    host.world.repository.state.snapshot.expires = inDays(-30);
    host.world.repository.publish(catalogText(1001));
    const { folder: from } = host.world.repository;
    await host.world.expectRefused(["--from", from], /has expired/);
    await host.world.expectRefused(["--accept-expired"], /--from/, 2);
    const words = ["--from", from, "--accept-expired"];
    expect(documentOf(await host.world.update(...words))).toMatchObject({
      outcome: "updated",
      serial: 1001,
    });
    expect(documentOf(await host.world.update(...words))).toMatchObject({
      outcome: "current",
      serial: 1001,
    });
  });

  test("says what is missing of a repository, and of one that is none", async () => {
    host.world.repository.publish(catalogText(1001));
    host.world.repository.remove("metadata/2.snapshot.json");
    expect(requireExit(await host.world.update(), 5).stderr).toContain(
      "has no metadata/2.snapshot.json",
    );
    await host.world.expectRefused(
      ["--from", host.world.sandbox.work],
      /has no metadata\/timestamp\.json/,
      5,
    );
    await host.world.expectRefused(
      ["--from", join(host.world.sandbox.work, "gone")],
      /has no metadata/,
      5,
    );
  });

  test("asks the next mirror when one has an older catalog, or cannot be looked into", async () => {
    const { repository, sandbox, nginx } = host.world;
    const stale = join(sandbox.folder, "stale");
    const serial = repository.state.catalog;
    repository.publish(catalogText(1));
    cpSync(repository.folder, stale, { recursive: true });
    repository.publish(serial);
    sandbox.useMirrors(sandbox.write("file", ""), stale, nginx.url);
    expect(documentOf(await host.world.update())).toMatchObject({
      outcome: "updated",
      serial: 1000,
      source: nginx.url,
    });
  });

  test("heals what was torn or forged in the state folder", async () => {
    documentOf(await host.world.update());
    const file = join(host.world.sandbox.state, "catalogs/banger.json");
    const whole = readFileSync(file, "utf8");
    for (const text of [
      "",
      whole.slice(0, 1000),
      "{}",
      whole.replace('\\"serial\\": 1000', '\\"serial\\": 9999'),
    ]) {
      writeFileSync(file, text);
      const document = await host.world.status();
      expect(document).toMatchObject({ from: "embedded", serial: embeddedSerial });
      expect(textAt(document, "problem")).toContain("is of no use");
      const listed = requireExit(
        await host.world.sandbox.banger(["kernel", "list", "--available"]),
      );
      expect(listed.stderr).toContain("is of no use");
      expect(documentOf(await host.world.update())).toMatchObject({
        outcome: "updated",
        serial: 1000,
      });
    }
  });

  test("takes a repository that another program made, without consistent snapshots", async () => {
    const made = initializeTUFRepo([{ name: "catalog.json", content: catalogText(1005) }]);
    const root = JSON.stringify(made.rootMeta.toJSON());
    const folder = join(host.world.sandbox.work, "foreign");
    const put = (file: string, text: string | Buffer): void => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    };
    for (const { path, fn } of tufHandlers(made, {})) {
      const { statusCode, response } = fn();
      if (statusCode === 200) put(path, response);
    }
    const executable = rootedExecutable(host.world.sandbox.folder, root);
    await using other = new Sandbox({ executable });
    const words = ["catalog", "update", "--json", "--from", folder];
    expect(documentOf(await other.banger(words))).toMatchObject({ serial: 1005 });
    put("targets/catalog.json", catalogText(1006));
    expect(documentOf(await other.banger(words))).toMatchObject({
      outcome: "current",
      serial: 1005,
    });
    rmSync(other.state, { recursive: true });
    expect(textAt(documentOf(await other.banger(words), 4), "error.message")).toContain("verify");
  }, 120_000);
});
