/** How old the catalog in use is, and `kernel pull --refresh`. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { documentOf, refusal, requireExit, textAt, valueAt } from "../support/answers.ts";
import { bangerExecutable, type ChildResult, Sandbox } from "../support/sandbox.ts";
import { inDays } from "../support/signed-repository.ts";
import { catalogText, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();

const run = (...words: readonly string[]): Promise<ChildResult> => host.world.sandbox.banger(words);

/** A catalog with one kernel that was changed so many days ago. */
const aged = (serial: number, days: number): string =>
  catalogText(serial, [host.world.sandbox.bundle()]).replace(
    /"updated": "[^"]*"/,
    `"updated": "${inDays(-days)}"`,
  );

/** The first thing that doctor says of one word. */
async function diagnosis(check: string): Promise<unknown> {
  const result = await run("doctor", "--json");
  const checks = valueAt(documentOf(result, result.exitCode === 0 ? 0 : 7), "checks");
  if (!Array.isArray(checks)) throw new Error("doctor has checks");
  return checks.find((item) => valueAt(item, "check") === check);
}

/** What list --available says of the catalog. */
async function listed(): Promise<{ readonly catalog: unknown; readonly stderr: string }> {
  const result = await run("kernel", "list", "--available", "--json");
  return { catalog: valueAt(documentOf(result), "catalog"), stderr: result.stderr };
}

describe("the age of the catalog", () => {
  test("counts from the last update that found it to be the newest", async () => {
    host.world.repository.publish(aged(1001, 200));
    documentOf(await host.world.update());
    expect(await listed()).toMatchObject({
      catalog: { serial: 1001, age_days: 0, old: false },
      stderr: "",
    });
    expect(await diagnosis("catalog")).toMatchObject({ ok: true });
    expect(await diagnosis("updates")).toMatchObject({
      ok: true,
      message: expect.stringContaining(host.world.nginx.url),
    });
  });

  test("counts to the day at which the signatures had expired, when it was taken after that", async () => {
    const { repository } = host.world;
    repository.state.timestamp.expires = inDays(-31.5);
    repository.publish(aged(1001, 40));
    const words = ["--from", repository.folder, "--accept-expired"];
    documentOf(await host.world.update(...words));
    const { catalog, stderr } = await listed();
    expect(catalog).toMatchObject({ serial: 1001, age_days: 31, old: true });
    expect(stderr).toBe("the catalog is 31 days old; fetch a newer one: banger catalog update\n");
    expect(await diagnosis("catalog")).toMatchObject({
      ok: false,
      fix: "fetch a newer one: banger catalog update",
    });
  });

  test("counts from the last change, and the way out fits the build", async () => {
    const { sandbox } = host.world;
    const file = join(sandbox.folder, "old.json");
    writeFileSync(file, aged(5, 45.5));
    sandbox.setEnv("BANGER_CATALOG", file);
    const { catalog, stderr } = await listed();
    expect(catalog).toMatchObject({ serial: 5, age_days: 45, old: true });
    expect(stderr).toContain("the catalog is 45 days old; put a newer one in the place");
    expect((await run("kernel", "list", "-a", "-q")).stderr).toBe("");
    writeFileSync(file, aged(5, 29.5));
    expect(await listed()).toMatchObject({ catalog: { age_days: 29, old: false }, stderr: "" });
  });

  test("is told by a build without a root too, and that it has none", async () => {
    expect(await diagnosis("updates")).toMatchObject({
      ok: true,
      message: "there was none yet: banger catalog update",
    });
    await using plain = new Sandbox({ executable: bangerExecutable() });
    const result = await plain.banger(["doctor", "--json"]);
    const text = requireExit(result, result.exitCode === 0 ? 0 : 7).stdout;
    expect(text).toContain("built without a root of trust");
  });
});

describe("a kept catalog whose signatures have expired", () => {
  test("is used by pull with a warning, and is a finding of doctor", async () => {
    const { repository, sandbox } = host.world;
    const entry = sandbox.bundle({ version: "6.12.9" });
    repository.state.timestamp.expires = inDays(-3);
    repository.publish(catalogText(1001, [entry]));
    documentOf(await host.world.update("--from", repository.folder, "--accept-expired"));
    sandbox.useMirrors();
    const pulled = requireExit(await run("kernel", "pull", "generic-6.12", "-q"));
    expect(pulled.stderr).toBe(
      `warning: the signatures of catalog 1001 expired on ${repository.state.timestamp.expires} (timestamp), and it may not be the newest: banger catalog update\n`,
    );
    expect(await diagnosis("updates")).toMatchObject({
      ok: false,
      fix: expect.stringContaining("banger catalog update"),
    });
  });

  test("that was fresh when it was fetched is no worse", async () => {
    documentOf(await host.world.update());
    const result = requireExit(await run("kernel", "pull", "nope-1.0"), 3);
    expect(result.stderr).not.toContain("expired");
  });
});

describe("kernel pull --refresh", () => {
  test("updates the catalog, and pulls what it brought", async () => {
    const { repository, sandbox } = host.world;
    const entry = sandbox.bundle({ version: "6.12.9" });
    repository.publish(catalogText(1001, [entry]));
    sandbox.useMirrors(host.world.nginx.url, sandbox.mirror);
    const pulled = await run("kernel", "pull", "--refresh", "generic-6.12", "--json");
    expect(valueAt(documentOf(pulled), "results.0")).toMatchObject({
      outcome: "installed",
      kernel_version: "6.12.9",
    });
    expect(pulled.stderr).toStartWith("catalog 1001 is new\n");
    expect(await host.world.status()).toMatchObject({ serial: 1001 });
    const again = requireExit(await run("kernel", "pull", "--refresh", "generic-6.12"));
    expect(again.stderr).toStartWith("catalog 1001 is the newest there is\n");
    repository.publish(
      catalogText(1002, [{ ...entry, withdrawn: { reason: "bad", since: inDays(0) } }]),
    );
    const told = requireExit(await run("kernel", "pull", "--refresh", "generic-6.12"));
    expect(told.stderr).toContain("warning: generic-6.12:x86_64 is installed and was withdrawn");
    requireExit(await run("kernel", "path", "generic-6.12"));
  });

  test("pulls nothing when the update fails, and ends as the update does", async () => {
    const { repository, sandbox } = host.world;
    repository.publish(catalogText(1001, [sandbox.bundle()]));
    documentOf(await host.world.update());
    sandbox.useMirrors(host.world.nginx.url, sandbox.mirror);
    const words = ["kernel", "pull", "--refresh", "--json", "generic-6.12"] as const;
    const before = sandbox.snapshot();
    repository.state.timestamp.expires = inDays(-1);
    repository.publish(catalogText(1002, [sandbox.bundle()]));
    expect(refusal(await run(...words))).toMatch(/^4 verification-failed: .*expired/);
    await host.world.nginx.stop();
    sandbox.useMirrors(host.world.nginx.url);
    expect(refusal(await run(...words))).toStartWith("5 network: ");
    const after = sandbox.snapshot();
    expect(after).toEqual(before);
    sandbox.useMirrors();
    requireExit(await run("kernel", "pull", "generic-6.12"));
  });

  test("needs a build with a root, and no BANGER_CATALOG, as catalog update does", async () => {
    await using plain = new Sandbox({ executable: bangerExecutable() });
    const words = ["kernel", "pull", "--refresh", "--json", "generic-6.12"];
    const update = documentOf(await plain.banger(["catalog", "update", "--json"]), 1);
    const pull = documentOf(await plain.banger(words), 1);
    expect(pull).toEqual(update);
    expect(textAt(pull, "error.message")).toContain("without a root of trust");
    host.world.sandbox.writeCatalog([]);
    expect(refusal(await run(...words))).toStartWith("2 usage: ");
  });
});
