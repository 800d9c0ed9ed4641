import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documentOf, refusal, requireExit, textAt, valueAt } from "../support/answers.ts";
import { type BucketKind, Publishing, removeCertificates } from "../support/publishing.ts";
import type { ChildResult } from "../support/sandbox.ts";

afterAll(removeCertificates);

let site: Publishing;

const kinds: readonly BucketKind[] = ["s3", "local"];

afterEach(async () => {
  await site[Symbol.asyncDispose]();
});

function publish(...flags: readonly string[]): Promise<ChildResult> {
  return site.publish("generic-6.12", ...flags);
}

/** The keys of the tarball and the sidecar of the first entry. */
function keysOf(document: unknown): readonly [string, string, string] {
  const keyAt = (index: number): string => textAt(document, `objects.${index}.key`);
  return [keyAt(0), keyAt(1), keyAt(2)];
}

for (const kind of kinds) {
  describe(`publish, to a bucket of rclone's type ${kind}`, () => {
    beforeEach(async () => {
      site = await Publishing.start(kind);
      await site.importKernel();
    });

    test("uploads tarball and sidecar, and names them in the catalog with sizes and hashes", async () => {
      const document = documentOf(await publish("--json"));
      expect(document).toMatchObject({ dry_run: false, change: "added", serial: 1 });
      const keys = keysOf(document);
      const plain = keys.map((key) => key.replaceAll(/(?<=-)[0-9a-f]{12}/g, "0"));
      const ends = ["tar.zst", "build-0.json", "boot-0.json"];
      expect(plain).toEqual(ends.map((end) => `generic-6.12-x86_64-0.${end}`));
      expect(site.keys()).toEqual([...keys].sort());
      const [entry] = parsedEntries();
      expect(entry).toEqual(valueAt(document, "entry"));
      for (const [index, key] of keys.entries()) {
        const bytes = site.object(key);
        const place = `objects.${index}`;
        expect(textAt(document, `${place}.url`)).toBe(`${site.baseUrl}/${key}`);
        expect(textAt(document, `${place}.sha256`)).toBe(sha256(bytes));
        expect(valueAt(document, `${place}.size_bytes`)).toBe(bytes.length);
        expect(bytes).toEqual(readFileSync(join(site.bundles, key)));
      }
      const record: unknown = JSON.parse(site.object(keys[1]).toString());
      expect(record).toMatchObject({ kind: "build", name: "generic-6.12", built: null });
      requireExit(await site.maint(["check"]));
    });

    test("what was published can be pulled from its public URL", async () => {
      requireExit(await publish());
      requireExit(await site.sandbox.banger(["kernel", "rm", "generic-6.12:x86_64"]));
      site.sandbox.setEnv("BANGER_CATALOG", site.catalog);
      requireExit(await site.sandbox.banger(["kernel", "pull", "generic-6.12:x86_64"]));
      requireExit(await site.sandbox.banger(["kernel", "verify", "generic-6.12:x86_64"]));
    });

    test("killed in the middle of an upload it leaves the catalog, and run again it finishes", async () => {
      await site.importKernel({ sizeBytes: 1_000_000, seed: "large" });
      const words = ["publish", "generic-6.12:x86_64", "--description", "large", "--json"];
      const running = site.start(words, { RCLONE_BWLIMIT: "100k" });
      await site.untilSomethingIsIn();
      running.kill("SIGKILL");
      expect((await running.done).signal).toBe("SIGKILL");
      expect(existsSync(site.catalog)).toBe(false);
      const document = documentOf(await site.maint(words));
      expect(document).toMatchObject({ change: "added", serial: 1 });
      requireExit(await site.maint(["check"]));
    }, 120_000);
  });
}

describe("publish", () => {
  beforeEach(async () => {
    site = await Publishing.start("s3");
    await site.importKernel();
  });

  test("run again it changes nothing, not even the sidecar", async () => {
    const first = documentOf(await publish("--json"));
    const text = site.catalogText();
    const again = documentOf(await publish("--json"));
    expect(again).toMatchObject({ change: "none", serial: 1 });
    expect(keysOf(again)).toEqual(keysOf(first));
    expect(valueAt(again, "objects.0.result")).toBe("present");
    expect(site.catalogText()).toBe(text);
  });

  test("run again without the files beside it, it takes the sidecar that is published", async () => {
    const first = documentOf(await publish("--json"));
    const text = site.catalogText();
    rmSync(site.bundles, { recursive: true });
    expect(keysOf(documentOf(await publish("--json")))).toEqual(keysOf(first));
    expect(site.catalogText()).toBe(text);
  });

  test("what a broken upload left under the key is replaced by the whole file", async () => {
    const [tarball] = keysOf(documentOf(await publish("--json")));
    const whole = site.object(tarball);
    rmSync(site.catalog);
    site.overwrite(tarball, whole.subarray(0, 1000));
    expect(documentOf(await publish("--json"))).toMatchObject({ change: "added" });
    expect(site.object(tarball)).toEqual(whole);
  });

  test("a key that holds other bytes is refused and left, and so is the catalog", async () => {
    const [tarball] = keysOf(documentOf(await publish("--json")));
    const whole = site.object(tarball);
    rmSync(site.catalog);
    const turned = Buffer.from(whole).reverse();
    for (const foreign of [turned, Buffer.from("foreign"), Buffer.concat([whole, whole])]) {
      site.overwrite(tarball, foreign);
      const result = await publish("--json");
      expect(refusal(result)).toContain("1 refused: r2:");
      expect(result.stderr).toContain("holds other bytes");
      expect(site.object(tarball)).toEqual(foreign);
      expect(existsSync(site.catalog)).toBe(false);
    }
  });

  test("--dry-run tells what would be done and changes nothing", async () => {
    const document = documentOf(await publish("--dry-run", "--json"));
    expect(document).toMatchObject({ dry_run: true, change: "added", serial: 1 });
    expect(valueAt(document, "objects.0.result")).toBe("would-upload");
    expect(site.keys()).toEqual([]);
    expect(readdirSync(site.bundles)).toEqual([]);
    expect(existsSync(site.catalog)).toBe(false);
    requireExit(await publish());
    const after = documentOf(await publish("--dry-run", "--json"));
    expect(after).toMatchObject({ change: "none" });
    expect(valueAt(after, "objects.0.result")).toBe("would-compare");
  });

  test("two at once, of two kernels, both get into the catalog", async () => {
    await site.importKernel({ version: "6.1.9" });
    const results = await Promise.all([
      publish(),
      site.publish("generic-6.1"),
      site.publish("generic-6.1"),
    ]);
    for (const result of results) requireExit(result);
    const names = parsedEntries().map((entry) => textAt(entry, "name"));
    expect(names).toEqual(["generic-6.1", "generic-6.12"]);
    requireExit(await site.maint(["check"]));
  });

  test("uploads with headers that let caches keep the files for ever", async () => {
    const document = documentOf(await publish("--json"));
    const types = ["application/zstd", "application/json", "application/json"];
    for (const [index, key] of keysOf(document).entries()) {
      const { headers } = await fetch(`${site.nginx.url}/${key}`, { method: "HEAD" });
      expect(headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(headers.get("content-type")).toBe(types[index] ?? "");
    }
  });

  test("asks the public URL for the size before it fetches and hashes", async () => {
    const [tarball] = keysOf(documentOf(await publish("--json")));
    const asked = site.nginx.requests().filter(({ path }) => path === `/${tarball}`);
    expect(asked.map(({ method, scheme }) => `${method} ${scheme}`)).toEqual([
      "HEAD https",
      "GET https",
    ]);
  });

  test("changes only the lines of its entry, of serial and date", async () => {
    await site.importKernel({ version: "6.1.9" });
    await site.importKernel({ version: "6.18.1" });
    for (const name of ["generic-6.1", "generic-6.18", "generic-6.12"]) {
      requireExit(await site.publish(name));
    }
    const before = site.catalogText().split("\n");
    await site.importKernel({ version: "6.12.2" });
    requireExit(await publish());
    const after = site.catalogText().split("\n");
    expect(after).toHaveLength(before.length);
    const changed = after.filter((line, index) => line !== before[index]);
    const fields = changed.map((line) => /"(\w+)":/.exec(line)?.[1] ?? line);
    const allowed = ["kernel_version", "tarball_url", "tarball_sha256", "size_bytes"];
    const others = ["serial", "updated", "vmlinux_sha256", "url", "sha256"];
    for (const field of fields) expect([...allowed, ...others]).toContain(field);
    const [oldest, middle, newest] = parsedEntries().map((entry) =>
      textAt(entry, "kernel_version"),
    );
    expect([oldest, middle, newest]).toEqual(["6.1.9", "6.12.2", "6.18.1"]);
  });

  test("a failed upload leaves the catalog untouched, and the error tells what to look at", async () => {
    requireExit(await publish());
    const text = site.catalogText();
    await site.importKernel({ version: "6.12.2" });
    const words = ["publish", "generic-6.12:x86_64", "--description", "x", "--json"];
    const refused = await site.maint(words, { RCLONE_BUCKET: "no-such-bucket" });
    expect(refusal(refused)).toStartWith("1 failed: cannot ");
    expect(refused.stderr).toContain("hint: look at the credentials");
    const nobody = await site.maint(words, { RCLONE_CONFIG_R2_ENDPOINT: "http://127.0.0.1:1" });
    expect(refusal(nobody)).toStartWith("5 network: cannot ");
    const missing = await site.maint(words, { RCLONE_REMOTE: "elsewhere" });
    expect(refusal(missing)).toStartWith("1 failed: cannot ");
    expect(missing.stderr).toContain("hint: rclone wants a remote of this name");
    const unknown = await site.maint(words, { RCLONE_CONFIG_R2_TYPE: "punched-cards" });
    expect(refusal(unknown)).toContain("punched-cards");
    expect(refusal(unknown)).toStartWith("1 failed: cannot ");
    const file = { RCLONE_CONFIG_R2_TYPE: "local", RCLONE_BUCKET: site.catalog };
    expect(refusal(await site.maint(words, file))).toStartWith("1 failed: cannot ");
    expect(site.catalogText()).toBe(text);
  });

  test("a public URL that serves nothing of the bucket leaves the catalog untouched", async () => {
    const words = ["publish", "generic-6.12:x86_64", "--description", "x", "--json"];
    const result = await site.maint(words, { BASE_URL: `${site.baseUrl}/nowhere` });
    expect(refusal(result)).toStartWith("5 network: https://127.0.0.1");
    expect(result.stderr).toContain("hint: BASE_URL must be");
    expect(existsSync(site.catalog)).toBe(false);
    expect(documentOf(await publish("--json"))).toMatchObject({ change: "added" });
  });

  test("--no-upload packs, names it in the catalog, and needs no bucket", async () => {
    const words = ["publish", "generic-6.12:x86_64", "--description", "x", "--no-upload", "--json"];
    const result = await site.maint(words, { RCLONE_REMOTE: "elsewhere" });
    const document = documentOf(result);
    expect(valueAt(document, "objects.0.result")).toBe("kept");
    expect(result.stderr).toContain("not uploaded");
    expect(site.keys()).toEqual([]);
    expect(readdirSync(site.bundles).sort()).toEqual([...keysOf(document)].sort());
    expect(parsedEntries()).toHaveLength(1);
    expect(documentOf(await site.maint(words))).toMatchObject({ change: "none" });
  });

  test("a damaged kernel is not published", async () => {
    const vmlinux = join(site.sandbox.state, "kernels/generic-6.12/vmlinux");
    const bytes = readFileSync(vmlinux);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    writeFileSync(vmlinux, bytes);
    expect(refusal(await publish("--json"))).toStartWith("4 verification-failed: ");
    expect(site.keys()).toEqual([]);
  });

  test("an older kernel than the catalog's needs --allow-older", async () => {
    await site.importKernel({ version: "6.12.5" });
    requireExit(await publish());
    await site.importKernel({ version: "6.12.4" });
    expect(refusal(await publish("--json"))).toStartWith("1 refused: the catalog has generic-6.12");
    requireExit(await publish("--allow-older"));
    expect(parsedEntries()[0]).toMatchObject({ kernel_version: "6.12.4" });
  });

  test("a kernel that is not installed, and wrong variables, are told of", async () => {
    expect(refusal(await site.publish("generic-6.18", "--json"))).toStartWith("3 not-found: ");
    const words = ["publish", "generic-6.12:x86_64", "--description", "x", "--json"];
    for (const variable of ["BASE_URL", "RCLONE_REMOTE", "RCLONE_BUCKET"]) {
      const result = await site.maint(words, { [variable]: "-http://x y" });
      expect(refusal(result)).toStartWith(`2 usage: ${variable} is "-http://x y"`);
    }
  });

  test("--no-wait fails at once while another changes the catalog", async () => {
    await site.importKernel({ sizeBytes: 1_000_000, seed: "large" });
    const words = ["publish", "generic-6.12:x86_64", "--description", "large", "--json"];
    const running = site.start(words, { RCLONE_BWLIMIT: "100k" });
    await running.waitForStderr(/uploading to/);
    const other = await publish("--no-wait", "--json");
    running.kill("SIGTERM");
    expect(refusal(other)).toStartWith("6 busy: process ");
    expect((await running.done).exitCode).toBe(143);
    expect(existsSync(site.catalog)).toBe(false);
  });

  test("a bundles folder that cannot be written is told of", async () => {
    rmSync(site.bundles, { recursive: true });
    mkdirSync(dirname(site.bundles), { recursive: true });
    writeFileSync(site.bundles, "a file");
    expect(refusal(await publish("--json"))).toStartWith("1 io: ");
    expect(existsSync(site.catalog)).toBe(false);
  });
});

function parsedEntries(): readonly unknown[] {
  const list = valueAt(JSON.parse(site.catalogText()), "entries");
  if (!Array.isArray(list)) throw new Error("entries is no list");
  return list;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
