/** banger-maint withdraw and support: marks and facts in the catalog, and what publish makes of them. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, refusal, requireExit, valueAt } from "../support/answers.ts";
import { type ChildResult } from "../support/child.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";

afterAll(removeCertificates);

let site: Publishing;

const reason = "loses writes";
const why = ["--reason", reason];

/** Publishes a kernel, and uploads nothing. */
async function add(version: string, ...flags: readonly string[]): Promise<unknown> {
  await site.importKernel({ version });
  const name = `generic-${version.split(".").slice(0, 2).join(".")}`;
  return documentOf(await site.publish(name, "--no-upload", "--json", ...flags));
}

beforeEach(async () => {
  site = await Publishing.start("local");
  await add("6.1.9");
  await add("6.12.1");
});
afterEach(() => site[Symbol.asyncDispose]());

function withdraw(...words: readonly string[]): Promise<ChildResult> {
  return site.maint(["withdraw", "generic-6.12:x86_64", "--json", ...words]);
}

describe("banger-maint withdraw", () => {
  test("marks an entry, tells what changed, and takes the mark away again", async () => {
    const before = site.catalogText();
    const would = documentOf(await withdraw(...why, "--dry-run"));
    expect(would).toMatchObject({ dry_run: true, change: "replaced", serial: 3 });
    expect(site.catalogText()).toBe(before);
    const words = ["withdraw", "generic-6.12:x86_64", ...why, "--replaced-by", "generic-6.1"];
    const result = requireExit(await site.maint(words));
    expect(result.stdout).toContain('-  "serial": 2\n');
    expect(result.stdout).toContain(`+        "reason": "${reason}"`);
    expect(result.stdout).toContain('+        "replaced_by": "generic-6.1"');
    expect(result.stderr).toContain("generic-6.12:x86_64 is withdrawn, serial 3");
    const since = valueAt(JSON.parse(site.catalogText()), "entries.1.withdrawn.since");
    expect(documentOf(await withdraw(...why, "--replaced-by", "generic-6.1"))).toMatchObject({
      change: "none",
      serial: 3,
    });
    const other = documentOf(await withdraw("--reason", "loses more"));
    expect(valueAt(other, "entry.withdrawn")).toEqual({ reason: "loses more", since });
    expect(documentOf(await withdraw("--undo"))).toMatchObject({ change: "replaced", serial: 5 });
    expect(site.catalogText()).not.toContain("withdrawn");
    expect(documentOf(await withdraw("--undo"))).toMatchObject({ change: "none", serial: 5 });
  });

  test("of a kernel that hosts have is told there, by the catalog as it is written", async () => {
    site.sandbox.setEnv("BANGER_CATALOG", site.catalog);
    site.sandbox.useMirrors(site.bundles);
    requireExit(await site.sandbox.banger(["kernel", "rm", "generic-6.1:x86_64"]));
    requireExit(await site.sandbox.banger(["kernel", "pull", "generic-6.1:x86_64"]));
    requireExit(await site.maint(["withdraw", "generic-6.1:x86_64", ...why]));
    const listed = requireExit(await site.sandbox.banger(["kernel", "list"]));
    expect(listed.stderr).toContain("warning: generic-6.1:x86_64 is installed and was withdrawn");
  });

  test("refuses a replacement that is none, and to withdraw one that is", async () => {
    const before = site.catalogText();
    const by = (name: string): Promise<ChildResult> => withdraw(...why, "--replaced-by", name);
    expect(refusal(await by("generic-6.12"))).toStartWith("2 usage: ");
    expect(refusal(await by("generic-6.18"))).toStartWith("3 not-found: ");
    expect(refusal(await by("../x"))).toStartWith("2 usage: ");
    expect(site.catalogText()).toBe(before);
    documentOf(await by("generic-6.1"));
    const marked = site.catalogText();
    const bad = ["generic-6.1:x86_64", "--json"];
    const replaced =
      /^1 refused: generic-6\.12 \(x86_64\) is withdrawn, and is replaced by generic-6\.1$/;
    expect(refusal(await site.maint(["withdraw", ...bad, ...why]))).toMatch(replaced);
    expect(refusal(await site.maint(["remove", ...bad]))).toMatch(replaced);
    expect(refusal(await site.maint(["remove", ...bad, "--dry-run"]))).toMatch(replaced);
    expect(site.catalogText()).toBe(marked);
    documentOf(await withdraw(...why));
    documentOf(await site.maint(["withdraw", ...bad, ...why]));
    expect(refusal(await by("generic-6.1"))).toMatch(/^1 refused: .* is withdrawn itself$/);
  });

  test.each<[readonly string[], number]>([
    [["withdraw", "generic-6.12:x86_64"], 2],
    [["withdraw", "generic-6.12:x86_64", "--reason", " "], 2],
    [["withdraw", "generic-6.12:x86_64", "--reason", "x".repeat(501)], 2],
    [["withdraw", "generic-6.12:x86_64", "--undo", ...why], 2],
    [["withdraw", "generic-6.12:x86_64@6.12.1", ...why], 2],
    [["withdraw", "generic-6.12:arm64", ...why], 3],
  ])("changes nothing for %j", async (words, exitCode) => {
    const before = site.catalogText();
    requireExit(await site.maint(words), exitCode);
    expect(site.catalogText()).toBe(before);
  });

  test("is undone by a new build, and not by the same one", async () => {
    documentOf(await withdraw(...why));
    const again = documentOf(await site.publish("generic-6.12", "--no-upload", "--json"));
    expect(again).toMatchObject({ change: "none", entry: { withdrawn: { reason } } });
    const added = await add("6.12.2");
    expect(added).toMatchObject({ change: "replaced", entry: { kernel_version: "6.12.2" } });
    expect(site.catalogText()).not.toContain("withdrawn");
  });
});

describe("banger-maint support", () => {
  test("writes the facts of each line into the entries, and publish does so too", async () => {
    const facts = join(site.checkout, "support.json");
    const write = (lines: object): void => {
      writeFileSync(facts, JSON.stringify({ version: 1, lines }));
    };
    const support = (...words: readonly string[]): Promise<ChildResult> =>
      site.maint(["support", "--facts", facts, "--json", ...words]);
    const of61 = { upstream_eol: "2027-12-31", firecracker_until: "2026-09-02" };
    write({ "6.1": of61, "6.12": { upstream_eol: "2029-12-31" } });
    const before = site.catalogText();
    expect(documentOf(await support("--dry-run"))).toMatchObject({ change: "replaced", serial: 3 });
    expect(site.catalogText()).toBe(before);
    expect(documentOf(await support())).toEqual({
      dry_run: false,
      change: "replaced",
      serial: 3,
      entries: [
        { name: "generic-6.1", arch: "x86_64", support: of61 },
        { name: "generic-6.12", arch: "x86_64", support: { upstream_eol: "2029-12-31" } },
      ],
    });
    expect(documentOf(await support())).toMatchObject({ change: "none", serial: 3 });
    write({ "6.12": { upstream_eol: "2030-12-31" } });
    expect(await add("6.12.2", "--facts", facts)).toMatchObject({
      entry: { support: { upstream_eol: "2030-12-31" } },
    });
    expect(documentOf(await support())).toMatchObject({ change: "none", serial: 4 });
    write({});
    expect(await add("6.12.3", "--facts", facts)).toMatchObject({
      entry: { support: { upstream_eol: "2030-12-31" } },
    });
  });

  test("refuses facts that are missing or wrong, and changes nothing", async () => {
    const before = site.catalogText();
    const facts = join(site.checkout, "support.json");
    const words = ["support", "--facts", facts, "--json"];
    expect(refusal(await site.maint(words))).toStartWith("3 not-found: ");
    writeFileSync(facts, '{"version":1,"lines":{"6.1":{}}}');
    expect(refusal(await site.maint(words))).toContain("lines.6.1: must name a day");
    expect(refusal(await site.publish("generic-6.1", "--facts", facts, "--json"))).toStartWith(
      "1 failed: ",
    );
    expect(site.catalogText()).toBe(before);
  });
});
