import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseCatalogText } from "../../src/core/catalog.ts";
import { kernelLine } from "../../src/core/kernel-version.ts";
import { BangerError } from "../../src/core/errors.ts";
import { endsBefore, parseSupportFacts, type SupportEnd } from "../../src/core/support.ts";

const textOf = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, "../../catalog", name), "utf8");

describe("an end of support", () => {
  test.each<[string, readonly SupportEnd[]]>([
    ["2026-09-01", []],
    ["2026-09-02", []],
    ["2026-09-03", ["firecracker"]],
    ["2027-12-31", ["firecracker"]],
    ["2028-01-01", ["upstream", "firecracker"]],
  ])("on %s, %j are over: the last day counts", (today, ends) => {
    const support = { upstream_eol: "2027-12-31", firecracker_until: "2026-09-02" };
    expect(endsBefore(support, today)).toEqual(ends);
  });

  test("that nobody told is not over", () => {
    expect(endsBefore(undefined, "2100-01-01")).toEqual([]);
    expect(endsBefore({}, "2100-01-01")).toEqual([]);
  });
});

describe("the facts of support", () => {
  test("are of lines, and of days", () => {
    const lines = { "6.12": { upstream_eol: "2028-12-31" } };
    const facts = parseSupportFacts(JSON.stringify({ version: 1, lines }), "a.json");
    expect(facts.get("6.12")).toEqual({ upstream_eol: "2028-12-31" });
    expect(facts.get("6.1")).toBeUndefined();
  });

  test.each<[string, string]>([
    ["{", "it is not JSON"],
    ['{"version":1,"version":1,"lines":{}}', "version stands twice"],
    ['{"version":2,"lines":{}}', "version: must be 1"],
    ['{"version":1,"lines":{},"more":1}', "more"],
    ['{"version":1,"lines":{"6.12.1":{"upstream_eol":"2028-12-31"}}}', "must be like 6.12"],
    ['{"version":1,"lines":{"6.12":{}}}', "lines.6.12: must name a day"],
    ['{"version":1,"lines":{"6.12":{"eol":"2028-12-31"}}}', "lines.6.12.eol"],
    ['{"version":1,"lines":{"6.12":{"upstream_eol":"2028-11-31"}}}', "must be a day"],
  ])("are refused when they are %s", (text, fault) => {
    const read = (): unknown => parseSupportFacts(text, "a.json");
    expect(read).toThrow(BangerError);
    expect(read).toThrow(fault);
  });

  test("of this repository are in its catalog: banger-maint support", () => {
    const facts = parseSupportFacts(textOf("support.json"), "support.json");
    for (const entry of parseCatalogText(textOf("catalog.json"), "catalog.json").entries) {
      const line = kernelLine(entry.kernel_version);
      expect(entry.distro).toBe("generic");
      expect(entry.support).toEqual(facts.get(line));
    }
  });
});
