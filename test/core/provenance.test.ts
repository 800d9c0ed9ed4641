import { describe, expect, test } from "bun:test";
import { formatProvenance, parseProvenance, sourceOf } from "../../src/core/provenance.ts";
import { buildFacts, hashOf } from "../support/build-facts.ts";

describe("a provenance", () => {
  test("reads back as what was written", () => {
    expect(parseProvenance(formatProvenance(buildFacts()), "p")).toEqual(buildFacts());
    const byHash = { ...buildFacts(), trust: { kind: "hash" } as const };
    expect(parseProvenance(formatProvenance(byHash), "p")).toEqual(byHash);
  });

  test("is an in-toto statement with SLSA's predicate, and has no date in it", () => {
    const text = formatProvenance(buildFacts());
    expect(JSON.parse(text)).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "vmlinux", digest: { sha256: hashOf("3") } }, { name: "kernel.config" }],
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: { runDetails: { builder: { id: expect.any(String) } } },
    });
    expect(text).not.toMatch(/startedOn|finishedOn|invocationId|20\d\d-\d\d-\d\d/);
  });

  test("tells the source", () => {
    expect(sourceOf(buildFacts(), "p").sha256).toBe(hashOf("1"));
    expect(() => sourceOf({ ...buildFacts(), inputs: [] }, "p")).toThrow("names no source");
  });

  test.each([
    ["no JSON", "{"],
    ["another statement", formatProvenance(buildFacts()).replace("provenance/v1", "provenance/v2")],
    ["another build type", formatProvenance(buildFacts()).replace("generic-kernel/v1", "x/v1")],
    ["a broken hash", formatProvenance(buildFacts()).replace(hashOf("3"), "xyz")],
    ["a fingerprint that is short", formatProvenance(buildFacts()).replace("A".repeat(40), "AAAA")],
  ])("that is %s is refused", (_what, text) => {
    expect(() => parseProvenance(text, "p.json")).toThrow("cannot use the provenance p.json");
  });
});
