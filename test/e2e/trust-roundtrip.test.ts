/** From keys to a host and back: all that docs/kernel-catalog.md tells of a signed catalog, in one checkout. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { Checkout } from "../support/checkout.ts";
import { runChild } from "../support/child.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";
import { type ChildResult, Sandbox } from "../support/sandbox.ts";
import { type RunMaint, TrustKeys } from "../support/trust-keys.ts";

afterAll(removeCertificates);

test("two sign, CI publishes, a host updates, pulls and is told what has changed since", async () => {
  await using site = await Publishing.start("s3");
  using checkout = new Checkout();
  const keys = TrustKeys.standard(join(checkout.folder, "keys"));
  const run = (program: string, args: readonly string[], env = {}): Promise<ChildResult> =>
    checkout.run(program, args, {
      env: { ...definedIn(site.sandbox.environment), ...env },
      timeoutMs: 300_000,
    });
  const maint: RunMaint = (args, env = {}) => run("scripts/banger-maint", args, env);
  const ci = async (...flags: readonly string[]): Promise<void> => {
    requireExit(await run("scripts/publish-catalog.sh", flags, keys.online));
  };
  const publish = async (version: string): Promise<void> => {
    await site.importKernel({ version });
    const words = ["generic-6.12:x86_64", "--description", `Linux ${version}`];
    requireExit(await run("scripts/publish-kernel.sh", words));
  };
  for (const name of ["trust", "SHA256SUMS"]) {
    rmSync(join(checkout.root, "catalog", name), { recursive: true, force: true });
  }
  // Without a root there is nothing to do for CI.
  await ci();
  expect(site.keys()).toEqual([]);

  rmSync(join(checkout.root, "catalog/catalog.json"));
  rmSync(join(checkout.root, "bundles"), { recursive: true });
  mkdirSync(join(checkout.root, "bundles"));
  await publish("6.12.1");
  await keys.found(maint);
  const executable = join(checkout.folder, "executable");
  requireExit(await make(checkout, [`OUT=${executable}`]));
  await using host = new Sandbox({ executable });
  host.useMirrors(site.baseUrl);
  host.setEnv("SSL_CERT_FILE", site.sandbox.environment["SSL_CERT_FILE"]);
  // Nobody outside is asked.
  host.setEnv("https_proxy", "http://127.0.0.1:9");
  host.setEnv("no_proxy", "127.0.0.1");
  host.setEnv("BANGER_HTTP_RETRIES", "0");
  const update = async (): Promise<unknown> =>
    documentOf(await host.banger(["catalog", "update", "--json"]));
  const pull = (): Promise<ChildResult> =>
    host.banger(["kernel", "pull", "generic-6.12:x86_64", "--json"]);

  // A newer kernel, signed by two.
  await publish("6.12.2");
  expect((await run("scripts/publish-catalog.sh", [], keys.online)).exitCode).toBe(4);
  await keys.signCatalog(maint);
  await ci();
  expect(await update()).toMatchObject({ outcome: "updated", serial_before: 1, serial: 2 });
  requireExit(await pull());
  const shown = ["kernel", "show", "generic-6.12:x86_64", "--json"];
  expect(documentOf(await host.banger(shown))).toMatchObject({
    installed: { kernel_version: "6.12.2", catalog_serial: 2 },
  });

  // CI keeps it fresh, whatever is being prepared.
  await ci("--published");
  expect(await update()).toMatchObject({ outcome: "current", serial: 2 });
  expect(timestampOf(documentOf(await host.banger(["catalog", "show", "--json"])))).toBe(2);

  // It is withdrawn, and the host is told.
  requireExit(await maint(["withdraw", "generic-6.12:x86_64", "--reason", "it loses writes"]));
  await keys.signCatalog(maint);
  await ci();
  expect(await update()).toMatchObject({ outcome: "updated", serial_before: 2, serial: 3 });
  const told = requireExit(await host.banger(["kernel", "list", "--json"]));
  expect(told.stderr).toContain("it loses writes");
  expect(documentOf(told)).toMatchObject({
    kernels: [{ kernel_version: "6.12.2", withdrawn: { reason: "it loses writes" } }],
  });
  const elsewhere = ["kernel", "pull", "--force", "generic-6.12:x86_64", "--json"];
  const refused = documentOf(await host.banger(elsewhere), 1);
  expect(textAt(refused, "error.message")).toContain("it loses writes");
}, 600_000);

test("a build refuses a root that is none, and leaves nothing", async () => {
  using checkout = new Checkout();
  const executable = join(checkout.folder, "executable");
  const file = join(checkout.folder, "root.json");
  for (const [content, words] of [
    ["{}", "is no root of trust"],
    ["", "is no root of trust"],
    [undefined, "there is no root of trust"],
  ] as const) {
    if (content === undefined) rmSync(file);
    else writeFileSync(file, content);
    const result = await make(checkout, [`OUT=${executable}`, `TRUST_ROOT=${file}`]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("banger-maint: error: ");
    expect(result.stderr).toContain(words);
    expect(existsSync(executable)).toBe(false);
  }
}, 120_000);

function make(checkout: Checkout, words: readonly string[]): Promise<ChildResult> {
  return runChild({
    file: "make",
    args: ["executable", ...words],
    cwd: checkout.root,
    env: { PATH: process.env["PATH"], HOME: checkout.home },
    timeoutMs: 300_000,
  });
}

function definedIn(
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
}

/** The version of the timestamp that a host has. */
function timestampOf(document: unknown): unknown {
  return valueAt(document, "repository.roles.1.version");
}
