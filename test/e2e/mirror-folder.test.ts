/** What `mirror sync` puts into a folder, how it brings it up to date, and what it leaves alone. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { documentOf, refusal, requireExit, textAt, valueAt } from "../support/answers.ts";
import { type BundleOptions, makeBundle } from "../support/bundle.ts";
import { rootedExecutable } from "../support/rooted-executable.ts";
import { type ChildResult, Sandbox } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";
import { catalogText, embeddedSerial, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();

const folder = (): string => join(host.world.sandbox.work, "kernels");

function sync(...args: readonly string[]): Promise<ChildResult> {
  return host.world.sandbox.banger(["mirror", "sync", folder(), "--json", ...args]);
}

function sumOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A bundle of the repository, with a sidecar. */
function entryOf(options: BundleOptions = {}): object {
  const repository = host.world.repository.folder;
  const entry = makeBundle(repository, options);
  const stem = /[^/]*(?=\.tar\.zst$)/.exec(entry.tarball_url)?.[0] ?? "";
  const text = `{"of": "${stem}"}\n`;
  const sha256 = sumOf(text);
  const name = `${stem}.build-${sha256.slice(0, 12)}.json`;
  writeFileSync(join(repository, name), text);
  const url = `https://kernels.invalid/${name}`;
  return { ...entry, sidecars: [{ kind: "build", url, sha256, size_bytes: text.length }] };
}

/** `key: result` of the files of which something else than nothing was done. */
function changes(document: unknown): string[] {
  return objectsOf(document)
    .filter(([, result]) => result !== "present")
    .map((pair) => pair.join(": "));
}

function objectsOf(document: unknown): [string, string][] {
  const objects = valueAt(document, "objects");
  if (!Array.isArray(objects)) throw new Error("objects is no list");
  return objects.map((each) => [String(valueAt(each, "key")), String(valueAt(each, "result"))]);
}

const tarballs = (): string[] =>
  readdirSync(folder())
    .filter((name) => name.endsWith(".tar.zst"))
    .sort();

/** The path of the only tarball. */
function tarball(): string {
  const [only, ...others] = tarballs();
  if (only === undefined || others.length > 0) throw new Error(`${tarballs().length} tarballs`);
  return join(folder(), only);
}

describe("mirror sync", () => {
  test("makes a folder of the tarballs, the sidecars, the catalog and its signatures, for all to read", async () => {
    const { repository } = host.world;
    repository.publish(catalogText(1001, [entryOf(), entryOf({ arch: "arm64" })]));
    const document = documentOf(await sync());
    expect(document).toMatchObject({
      folder: folder(),
      serial: 1001,
      kernels: 2,
      signed: true,
      expires: repository.state.timestamp.expires,
    });
    const files = Object.keys(snapshotOf(folder())).sort();
    const published = Object.keys(snapshotOf(repository.folder));
    // All that the publisher has, but for what the first version was signed with.
    const wanted = published.filter((path) => !/\/1\.(snapshot|targets)|^targets\/./.test(path));
    const target = files.filter((path) => path.startsWith("targets/"));
    expect(files).toEqual([...wanted, ...target, "catalog.json"].sort());
    expect(target).toHaveLength(1);
    for (const path of files) {
      const { mode } = statSync(join(folder(), path));
      expect([path, (mode & 0o7777).toString(8)]).toEqual([
        path,
        ["metadata", "targets"].includes(path) ? "755" : "644",
      ]);
      const original = join(repository.folder, path === "catalog.json" ? (target[0] ?? "") : path);
      // The root that is within banger is the one that lies there; it has another date in this world.
      if (!statSync(original).isFile() || path === "metadata/1.root.json") continue;
      expect(readFileSync(join(folder(), path)).equals(readFileSync(original))).toBe(true);
    }
    // What is written last is told last.
    expect(objectsOf(document).at(-1)?.[0]).toBe("metadata/timestamp.json");
  });

  test("fetches no tarball twice, and then brings only what a new catalog adds", async () => {
    const first = entryOf();
    host.world.repository.publish(catalogText(1001, [first]));
    documentOf(await sync());
    const before = snapshotOf(folder());
    const requests = host.world.nginx.requests().length;
    expect(changes(documentOf(await sync()))).toEqual([]);
    expect(snapshotOf(folder())).toEqual(before);
    const asked = host.world.nginx.requests().slice(requests);
    expect(asked.map(({ path }) => path).sort()).toEqual([
      "/SHA256SUMS",
      "/metadata/2.root.json",
      "/metadata/timestamp.json",
    ]);

    host.world.repository.publish(catalogText(1002, [first, entryOf({ name: "debian-6.12" })]));
    const document = documentOf(await sync());
    expect(changes(document).map((line) => line.replace(/[0-9a-f]{64}/, "HASH"))).toEqual([
      expect.stringMatching(/^debian-6\.12-x86_64-[0-9a-f]{12}\.tar\.zst: fetched$/),
      expect.stringMatching(/^debian-6\.12-x86_64-[0-9a-f]{12}\.build-[0-9a-f]{12}\.json: fetched/),
      "targets/HASH.catalog.json: fetched",
      "catalog.json: fetched",
      "metadata/3.targets.json: fetched",
      "metadata/3.snapshot.json: fetched",
      "metadata/timestamp.json: fetched",
    ]);
  });

  test("mends what is damaged, cut, unreadable or a link, and what is missing", async () => {
    host.world.repository.publish(catalogText(1001, [entryOf()]));
    documentOf(await sync());
    const whole = snapshotOf(folder());
    const elsewhere = join(host.world.sandbox.work, "elsewhere");
    const damages: Readonly<Record<string, () => void>> = {
      "one bit": () => {
        const bytes = readFileSync(tarball());
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(tarball(), bytes);
      },
      cut: () => truncateSync(tarball(), 1000),
      longer: () => writeFileSync(tarball(), "more", { flag: "a" }),
      "a link": () => {
        renameSync(tarball(), elsewhere);
        symlinkSync(elsewhere, join(folder(), tarballName));
      },
      "the timestamp": () => writeFileSync(join(folder(), "metadata/timestamp.json"), "{}"),
      "the root": () => writeFileSync(join(folder(), "metadata/1.root.json"), "{}"),
      "catalog.json": () => truncateSync(join(folder(), "catalog.json"), 10),
      "all metadata": () => renameSync(join(folder(), "metadata"), `${elsewhere}-metadata`),
    };
    const tarballName = tarballs()[0] ?? "";
    for (const [what, damage] of Object.entries(damages)) {
      damage();
      expect([what, changes(documentOf(await sync())).length > 0]).toEqual([what, true]);
      expect(snapshotOf(folder())).toEqual(whole);
    }
    chmodSync(tarball(), 0o600);
    expect(changes(documentOf(await sync()))).toEqual([]);
    expect(statSync(tarball()).mode & 0o777).toBe(0o644);
  });

  test("leaves what is not its own, and with --prune removes tarballs and sidecars that no catalog names", async () => {
    const [first, second] = [entryOf({ name: "debian-6.1" }), entryOf()];
    host.world.repository.publish(catalogText(1001, [first, second]));
    documentOf(await sync());
    const foreign = ["README.md", ".tmp-mine", "x.tar.zst", "mine-x86_64-0123456789ab.tar.xz"];
    for (const name of foreign) writeFileSync(join(folder(), name), "mine");
    mkdirSync(join(folder(), "dir-x86_64-0123456789ab.tar.zst"));
    host.world.repository.publish(catalogText(1002, [second]));
    expect(changes(documentOf(await sync())).filter((line) => line.endsWith("removed"))).toEqual(
      [],
    );
    const removed = changes(documentOf(await sync("--prune")));
    expect(removed).toEqual([
      expect.stringMatching(/^debian-6\.1-x86_64-.*\.build-.*: removed$/),
      expect.stringMatching(/^debian-6\.1-x86_64-.*\.tar\.zst: removed$/),
    ]);
    expect(readdirSync(folder())).toEqual(expect.arrayContaining(foreign));
    expect(existsSync(join(folder(), "dir-x86_64-0123456789ab.tar.zst"))).toBe(true);
    expect(changes(documentOf(await sync("--prune")))).toEqual([]);
  });

  test("takes the tarballs of --entries only, of all architectures or of one", async () => {
    const names = [{ name: "debian-6.1" }, {}, { arch: "arm64" }] as const;
    host.world.repository.publish(catalogText(1001, names.map(entryOf)));
    const one = documentOf(await sync("--entries", "generic-6.12:arm64"));
    expect(one).toMatchObject({ serial: 1001, kernels: 1 });
    expect(tarballs()).toEqual([expect.stringContaining("generic-6.12-arm64")]);
    expect(documentOf(await sync("--entries", "generic-6.12"))).toMatchObject({ kernels: 2 });
    expect(tarballs()).toHaveLength(2);
    // What is there and was not asked for is named by the catalog all the same.
    const again = documentOf(await sync("--prune", "--entries", "debian-6.1"));
    expect(again).toMatchObject({ kernels: 1 });
    expect(tarballs()).toHaveLength(3);
    expect(refusal(await sync("--entries", "generik-6.12"))).toStartWith("3 not-found: ");
    expect(refusal(await sync("--entries", "debian-6.1:arm64"))).toContain("for arm64");
    expect(refusal(await sync("--entries", "../x"))).toStartWith("2 usage: ");
  });

  test("carries SHA256SUMS and its signature when both are of this catalog, and drops them when they are not", async () => {
    const entry = entryOf();
    const text = catalogText(1001, [entry]);
    host.world.repository.publish(text);
    const offer = (list: string): void => {
      writeFileSync(join(host.world.repository.folder, "SHA256SUMS"), list);
    };
    const file = textAt(entry, "tarball_url").replace(/.*\//, "");
    const list = `${sumOf(text)}  catalog.json\n${textAt(entry, "tarball_sha256")}  ${file}\n`;
    const there = (): string[] =>
      readdirSync(folder()).filter((name) => name.startsWith("SHA256SUMS"));
    offer(list);
    documentOf(await sync());
    expect(there()).toEqual([]);
    writeFileSync(join(host.world.repository.folder, "SHA256SUMS.minisig"), "signature");
    expect(changes(documentOf(await sync()))).toEqual([
      "SHA256SUMS: fetched",
      "SHA256SUMS.minisig: fetched",
    ]);
    expect(readFileSync(join(folder(), "SHA256SUMS"), "utf8")).toBe(list);
    expect(changes(documentOf(await sync("--no-refresh")))).toEqual([]);
    for (const wrong of [
      list.replace(sumOf(text), sumOf("other")),
      list.replace(/\n[0-9a-f]{64}/, `\n${sumOf("other")}`),
      "nonsense",
    ]) {
      offer(wrong);
      expect(requireExit(await sync()).stderr).toContain("is of another catalog, and is left out");
      expect(readFileSync(join(folder(), "SHA256SUMS"), "utf8")).toBe(list);
    }
    host.world.repository.publish(catalogText(1002, [entry]));
    const document = documentOf(await sync());
    expect(changes(document).filter((line) => line.endsWith("removed"))).toHaveLength(2);
    expect(there()).toEqual([]);
  });

  test("has all roots, so that a banger with an older root follows", async () => {
    const { repository, sandbox, executable } = host.world;
    for (const role of ["root", "timestamp", "root"] as const) repository.rotate(role);
    repository.publish(catalogText(1001, [entryOf()]));
    const newest = rootedExecutable(join(sandbox.folder), repository.root);
    await using publisher = new Sandbox({ executable: newest });
    publisher.useMirrors(host.world.nginx.url);
    documentOf(await publisher.banger(["mirror", "sync", folder(), "--json"]));
    const roots = readdirSync(join(folder(), "metadata")).filter((name) => name.includes("root"));
    expect(roots.sort()).toEqual([1, 2, 3, 4].map((version) => `${version}.root.json`));
    await using reader = new Sandbox({ executable });
    const words = ["catalog", "update", "--json", "--from", folder()];
    expect(documentOf(await reader.banger(words))).toMatchObject({ serial: 1001 });
  }, 120_000);

  test("works without consistent snapshots", async () => {
    host.world.repository.state.consistent = false;
    host.world.repository.state.root.version += 1;
    host.world.repository.publish(catalogText(1001, [entryOf()]));
    documentOf(await sync());
    expect(readdirSync(join(folder(), "targets"))).toEqual(["catalog.json"]);
    const words = ["catalog", "update", "--json", "--from", folder()];
    await using reader = new Sandbox({ executable: host.world.executable });
    expect(documentOf(await reader.banger(words))).toMatchObject({ serial: 1001 });
  });
});

describe("a mirror without signatures", () => {
  test("is what a banger without a root makes, of the catalog within it, and what it says", async () => {
    await using sandbox = new Sandbox();
    const bundles = join(import.meta.dirname, "../../bundles");
    sandbox.useMirrors(bundles);
    const words = ["mirror", "sync", folder(), "--json", "--entries", "generic-6.12:x86_64"];
    const result = await sandbox.banger(words);
    expect(documentOf(result)).toMatchObject({
      serial: embeddedSerial,
      signed: false,
      expires: null,
    });
    expect(result.stderr).toContain("built without a root of trust");
    expect(existsSync(join(folder(), "metadata"))).toBe(false);
    const embedded = readFileSync(join(bundles, "../catalog/catalog.json"), "utf8");
    expect(readFileSync(join(folder(), "catalog.json"), "utf8")).toBe(embedded);
  });

  test("is made of BANGER_CATALOG, byte by byte, and serves a pull", async () => {
    await using sandbox = new Sandbox();
    const file = sandbox.writeCatalog([sandbox.bundle()]);
    sandbox.useMirrors();
    requireExit(await sandbox.banger(["mirror", "sync", folder()]));
    expect(readFileSync(join(folder(), "catalog.json"), "utf8")).toBe(readFileSync(file, "utf8"));
    await using reader = new Sandbox();
    reader.setEnv("BANGER_CATALOG", join(folder(), "catalog.json"));
    reader.useMirrors(folder());
    requireExit(await reader.banger(["kernel", "pull", "generic-6.12"]));
  });
});
