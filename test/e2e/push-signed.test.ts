/** `push` of a signed repository: what is live when, and what is never overwritten. */
import {
  afterAll,
  afterEach,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { createPrivateKey, sign } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata, MetadataKind, Signature } from "@tufjs/models";
import { documentOf, refusal, requireExit, textAt, valueAt } from "../support/answers.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";
import { resultsOf } from "../support/pushed.ts";
import { inDays } from "../support/signed-repository.ts";
import { type RunMaint, TrustKeys } from "../support/trust-keys.ts";

// Each signs and pushes several times, with a program for each step.
setDefaultTimeout(120_000);
afterAll(removeCertificates);

let site: Publishing;
let keys: TrustKeys;

beforeEach(async () => {
  site = await Publishing.start("s3");
  keys = TrustKeys.standard(join(site.sandbox.folder, "keys"));
  await site.importKernel({ version: "6.12.1" });
  requireExit(await site.publish("generic-6.12", "--no-upload"));
});
afterEach(() => site[Symbol.asyncDispose]());

const run: RunMaint = (args, env = {}) => site.maint(args, env);
const timestampKey = "metadata/timestamp.json";

/** A signed repository of the catalog that is here, ready to be pushed. */
async function prepare(): Promise<void> {
  await keys.found(run);
  await keys.signCatalog(run);
  requireExit(await run(["trust", "renew"], keys.online));
}

async function push(exitCode = 0, ...flags: readonly string[]): Promise<unknown> {
  return documentOf(await site.maint(["push", "--json", ...flags]), exitCode);
}

function changeCatalog(): void {
  const text = site
    .catalogText()
    .replace(/"serial": (\d+)/, (_all, serial) => `"serial": ${Number(serial) + 1}`);
  writeFileSync(site.catalog, text);
}

/** What everybody is told of how long a key may be kept. */
async function cacheControl(key: string): Promise<string | null> {
  return (await fetch(`${site.nginx.url}/${key}`)).headers.get("cache-control");
}

/** The timestamp in the bucket. */
function liveVersion(): unknown {
  return valueAt(JSON.parse(site.object(timestampKey).toString()), "signed.version");
}

/** Gives the timestamp that is here another time to end, and signs it again. */
function expireTimestamp(): void {
  const file = join(site.trust, timestampKey);
  const metadata = Metadata.fromJSON(
    MetadataKind.Timestamp,
    JSON.parse(
      readFileSync(file, "utf8").replace(/"expires": "[^"]*"/, `"expires": "${inDays(-1)}"`),
    ),
  );
  const [keyID = ""] = Object.keys(metadata.signatures);
  const key = createPrivateKey(readFileSync(keys.file("timestamp")));
  metadata.sign((bytes) => new Signature({ keyID, sig: sign(null, bytes, key).toString("hex") }));
  writeFileSync(file, JSON.stringify(metadata.toJSON()));
}

const inOrder = [
  "targets/SHA256.catalog.json",
  "metadata/1.targets.json",
  "metadata/1.snapshot.json",
  "metadata/1.root.json",
  timestampKey,
];

describe("push, with a signed repository", () => {
  test("brings it after all else, the timestamp last, and then has nothing to do", async () => {
    await prepare();
    const dry = await push(0, "--dry-run");
    expect(resultsOf(dry)).toEqual(inOrder.map((key) => `would-upload ${key}`));
    expect(site.keys()).toEqual([]);
    const first = await push();
    expect(resultsOf(first)).toEqual(inOrder.map((key) => `uploaded ${key}`));
    expect(textAt(first, "objects.0.kind")).toBe("tarball");
    expect(resultsOf(await push())).toEqual(inOrder.map((key) => `present ${key}`));
    expect(await cacheControl(timestampKey)).toBe("no-cache");
    expect(await cacheControl("metadata/1.targets.json")).toContain("immutable");
  });

  test("without a timestamp here leaves the repository to CI; --metadata-only wants one", async () => {
    await keys.found(run);
    await keys.signCatalog(run);
    expect(resultsOf(await push())).toEqual([]);
    const only = await push(4, "--metadata-only");
    expect(textAt(only, "error.message")).toContain("has no metadata/timestamp.json");
    expect(site.keys()).not.toContain(timestampKey);
  });

  test("holds it back when anything before it has failed", async () => {
    await prepare();
    for (const name of readdirSync(site.bundles)) {
      if (name.endsWith(".tar.zst")) rmSync(join(site.bundles, name));
    }
    expect(resultsOf(await push(3))).toEqual([`held-back ${timestampKey}`]);
    expect(site.keys().filter((key) => key.includes("/"))).toEqual([]);
  });

  test("leaves what is live when a part of the new state cannot be brought", async () => {
    await prepare();
    requireExit(await site.maint(["push"]));
    changeCatalog();
    await keys.signCatalog(run);
    requireExit(await run(["trust", "renew"], keys.online));
    const published = join(site.trust, "metadata/1.root.json");
    site.overwrite("metadata/1.root.json", "foreign");
    const document = await push(1);
    expect(textAt(document, "error.code")).toBe("refused");
    expect(resultsOf(document)).toEqual([
      "uploaded targets/SHA256.catalog.json",
      "uploaded metadata/2.targets.json",
      "uploaded metadata/2.snapshot.json",
      "failed metadata/1.root.json",
      `held-back ${timestampKey}`,
    ]);
    expect(liveVersion()).toBe(1);
    site.overwrite("metadata/1.root.json", readFileSync(published));
    expect(resultsOf(await push()).at(-1)).toBe(`replaced ${timestampKey}`);
    expect(liveVersion()).toBe(2);
  });

  test("never puts an older timestamp in the place of a newer one, nor another of the same version", async () => {
    await prepare();
    requireExit(await site.maint(["push"]));
    const old = readFileSync(join(site.trust, timestampKey));
    requireExit(await run(["trust", "renew"], keys.online));
    requireExit(await site.maint(["push"]));
    expect(liveVersion()).toBe(2);
    writeFileSync(join(site.trust, timestampKey), old);
    const document = await push(1);
    expect(resultsOf(document).at(-1)).toBe(`failed ${timestampKey}`);
    expect(textAt(document, "error.message")).toContain("has version 2, which is not older than 1");
    expect(liveVersion()).toBe(2);
    requireExit(await run(["trust", "renew", "--timestamp-days", "3"], keys.online));
    site.overwrite(timestampKey, "what no host takes");
    expect(resultsOf(await push()).at(-1)).toBe(`replaced ${timestampKey}`);
    expect(liveVersion()).toBe(3);
  });

  test("refuses what has expired, what does not verify, and what is of another catalog", async () => {
    await prepare();
    expireTimestamp();
    expect(textAt(await push(4), "error.message")).toContain("timestamp.json was good until");
    requireExit(await run(["trust", "renew"], keys.online));
    const file = join(site.trust, "metadata/1.targets.json");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, good.replace(/"sig": "../, '"sig": "00'));
    expect(textAt(await push(4), "error.message")).toContain("targets.json");
    writeFileSync(file, good);
    changeCatalog();
    expect(textAt(await push(4), "error.message")).toContain("leads to another catalog than");
    expect(site.keys().filter((key) => key.includes("/"))).toEqual([]);
    expect(resultsOf(await push(0, "--metadata-only"))).toEqual(
      inOrder.map((key) => `uploaded ${key}`),
    );
  });
});

describe("what is published", () => {
  test("is renewed by whoever has the keys of CI and a checkout, while another catalog waits for signatures", async () => {
    await prepare();
    requireExit(await site.maint(["push"]));
    for (const name of ["metadata/timestamp.json", "metadata/1.snapshot.json"]) {
      rmSync(join(site.trust, name));
    }
    changeCatalog();
    requireExit(await run(["catalog", "sign", "--key", keys.file("t1")]));
    expect(refusal(await run(["trust", "renew", "--json"], keys.online))).toStartWith(
      "4 verification-failed: metadata/2.targets.json is signed by 1",
    );
    const renewed = documentOf(await run(["trust", "renew", "--published", "--json"], keys.online));
    expect(renewed).toMatchObject({
      timestamp_version: 2,
      snapshot_version: 1,
      targets_version: 1,
    });
    const pushed = await push(0, "--metadata-only");
    expect(resultsOf(pushed)).toEqual([
      ...inOrder.slice(0, -1).map((key) => `present ${key}`),
      `replaced ${timestampKey}`,
    ]);
  });

  test("is never gone back on by a checkout that is not up to date", async () => {
    await prepare();
    requireExit(await site.maint(["push"]));
    const before = site.catalogText();
    const targets = readFileSync(join(site.trust, "metadata/1.targets.json"));
    changeCatalog();
    await keys.signCatalog(run);
    requireExit(await run(["trust", "renew"], keys.online));
    requireExit(await site.maint(["push"]));
    writeFileSync(site.catalog, before);
    rmSync(join(site.trust, "metadata"), { recursive: true });
    mkdirSync(join(site.trust, "metadata"));
    writeFileSync(
      join(site.trust, "metadata/1.root.json"),
      readFileSync(join(site.trust, "root.json")),
    );
    writeFileSync(join(site.trust, "metadata/1.targets.json"), targets);
    expect(refusal(await run(["trust", "renew", "--json"], keys.online))).toStartWith(
      "4 verification-failed: metadata/2.targets.json is published, which is newer",
    );
  });
});
