import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatProvenance } from "../../src/core/provenance.ts";
import { isKernelVersion } from "../../src/core/kernel-version.ts";
import { isSha256, type Sha256 } from "../../src/core/sha256.ts";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { type BucketKind, Publishing, removeCertificates } from "../support/publishing.ts";

afterAll(removeCertificates);

let site: Publishing;

const kinds: readonly BucketKind[] = ["s3", "local"];
const source = Buffer.from("the source of all of them\n".repeat(1000));
const sourceSha256 = digestOf(source);

function digestOf(bytes: Uint8Array): Sha256 {
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (!isSha256(digest)) throw new Error("a SHA-256 is one");
  return digest;
}

function provenanceOf(version: string): string {
  if (!isKernelVersion(version)) throw new Error(`${version} is no kernel version`);
  return formatProvenance({
    line: "6.12",
    arch: "x86_64",
    kernelVersion: version,
    trust: { kind: "hash" },
    inputs: [{ kind: "source", name: "linux_6.12.orig.tar.xz", sha256: sourceSha256 }],
    command: ["make"],
    environment: {},
    tools: {},
    outputs: {},
    builderVersion: "0.1.0",
  });
}

/** Two kernels of one source, in the catalog and in bundles/, and in no bucket. */
async function prepare(): Promise<void> {
  for (const version of ["6.12.1", "6.1.9"]) {
    await site.importKernel({ version, provenance: provenanceOf(version) });
    const name = `generic-${version.split(".").slice(0, 2).join(".")}`;
    requireExit(await site.publish(name, "--no-upload"));
  }
}

function putSource(bytes: Uint8Array = source): void {
  mkdirSync(join(site.cache, "sources"), { recursive: true });
  writeFileSync(join(site.cache, "sources", sourceSha256), bytes);
}

/** `kind result` of each file. */
function resultsOf(document: unknown): readonly string[] {
  const objects = valueAt(document, "objects");
  if (!Array.isArray(objects)) throw new Error("objects is no list");
  return objects.map((object) => `${textAt(object, "kind")} ${textAt(object, "result")}`);
}

function every(result: string): readonly string[] {
  const kindsInOrder = ["tarball", "sidecar", "sidecar", "tarball", "sidecar", "sidecar", "source"];
  return kindsInOrder.map((kind) => `${kind} ${result}`);
}

afterEach(async () => {
  await site[Symbol.asyncDispose]();
});

for (const kind of kinds) {
  describe(`push, to a bucket of rclone's type ${kind}`, () => {
    beforeEach(async () => {
      site = await Publishing.start(kind);
      await prepare();
    });

    test("brings tarballs, sidecars and each source once, and then has nothing to do; --dry-run only tells", async () => {
      putSource();
      const catalog = site.catalogText();
      const dry = documentOf(await site.maint(["push", "--dry-run", "--json"]));
      expect(resultsOf(dry)).toEqual(every("would-upload"));
      expect(site.keys()).toEqual([]);
      const first = documentOf(await site.maint(["push", "--json"]));
      expect(resultsOf(first)).toEqual(every("uploaded"));
      expect(site.keys()).toHaveLength(7);
      expect(site.object(`sources/${sourceSha256}`)).toEqual(source);
      const again = documentOf(await site.maint(["push", "--dry-run", "--json"]));
      expect(resultsOf(again)).toEqual(every("would-compare"));
      expect(resultsOf(documentOf(await site.maint(["push", "--json"])))).toEqual(every("present"));
      requireExit(await site.maint(["check"]));
      expect(site.catalogText()).toBe(catalog);
      rmSync(site.bundles, { recursive: true });
      rmSync(site.cache, { recursive: true });
      const elsewhere = documentOf(await site.maint(["push", "--json"]));
      expect(resultsOf(elsewhere)).toEqual(every("present"));
    });

    test("killed in the middle, run again it finishes", async () => {
      putSource(source);
      const running = site.start(["push"], { RCLONE_BWLIMIT: "20k" });
      await site.untilSomethingIsIn();
      running.kill("SIGKILL");
      await running.done;
      requireExit(await site.maint(["push"]));
      requireExit(await site.maint(["check"]));
      expect(site.keys()).toHaveLength(7);
    });
  });
}

describe("push", () => {
  beforeEach(async () => {
    site = await Publishing.start("s3");
    await prepare();
  });

  test("a source that is nowhere is named, after all else is brought", async () => {
    const result = await site.maint(["push", "--json"]);
    const document = documentOf(result, 3);
    expect(resultsOf(document)).toEqual([...every("uploaded").slice(0, 6), "source failed"]);
    expect(textAt(document, "error.code")).toBe("not-found");
    expect(result.stderr).toContain("linux_6.12.orig.tar.xz, the source of generic-6.1:x86_64");
    expect(result.stderr).toContain(`hint: put it there, or build the kernel again: ${site.cache}`);
    expect(site.keys()).toHaveLength(6);
  });

  test("a file here that is not what the catalog names is not uploaded; the others are", async () => {
    putSource(Buffer.from("another source"));
    const [key = ""] = keysIn("tarball");
    writeFileSync(join(site.bundles, key), "damaged");
    const document = documentOf(await site.maint(["push", "--json"]), 4);
    const brought = every("uploaded").slice(1, 6);
    expect(resultsOf(document)).toEqual(["tarball failed", ...brought, "source failed"]);
    expect(site.keys()).toHaveLength(5);
  });

  test("a key that holds other bytes is refused and left; the others are brought", async () => {
    putSource();
    requireExit(await site.maint(["push"]));
    const [key = ""] = keysIn("tarball");
    const foreign = Buffer.from(site.object(key)).reverse();
    site.overwrite(key, foreign);
    const result = await site.maint(["push", "--json"]);
    const document = documentOf(result, 1);
    expect(resultsOf(document)).toEqual(["tarball failed", ...every("present").slice(1)]);
    expect(textAt(document, "error.code")).toBe("refused");
    expect(site.object(key)).toEqual(foreign);
  });

  test("a tarball that is nowhere is named", async () => {
    putSource();
    const [key = ""] = keysIn("tarball");
    rmSync(join(site.bundles, key));
    const result = await site.maint(["push", "--json"]);
    expect(textAt(documentOf(result, 3), "error.message")).toStartWith(`${key} is neither in`);
    expect(site.keys()).toHaveLength(6);
  });

  test("without a catalog, or with a broken one, nothing is done", async () => {
    writeFileSync(site.catalog, "{");
    requireExit(await site.maint(["push"]), 1);
    rmSync(site.catalog);
    requireExit(await site.maint(["push"]), 1);
    expect(site.keys()).toEqual([]);
  });
});

/** The keys of one kind, in the order of the catalog. */
function keysIn(kind: "tarball"): readonly string[] {
  const text = readFileSync(site.catalog, "utf8");
  return [...text.matchAll(new RegExp(`"${kind}_url": ".*/([^/"]+)"`, "g"))].map(
    ([, key]) => key ?? "",
  );
}
