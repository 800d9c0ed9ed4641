import { describe, expect, test } from "bun:test";
import { featureTags, isFeatureTag, judgeTags } from "../../src/core/feature-tags.ts";
import { judgeNeeds } from "../../src/core/firecracker-needs.ts";
import { judgeHardening } from "../../src/core/hardening.ts";
import { parseKconfig } from "../../src/core/kconfig.ts";
import { diffConfigs } from "../../src/core/kernel-diff.ts";
import { isKernelVersion, type KernelVersion } from "../../src/core/kernel-version.ts";
import { judge, type KnownConfig } from "../../src/core/requirements.ts";

const known = (text: string, changes: Partial<KnownConfig> = {}): KnownConfig => ({
  symbols: parseKconfig(text, "test"),
  arch: "x86_64",
  hasModules: false,
  ...changes,
});

function version(text: string): KernelVersion {
  if (isKernelVersion(text)) return text;
  throw new Error(text);
}

describe("a requirement", () => {
  test.each<[string, string, boolean, readonly string[]]>([
    ["CONFIG_A=y\n", "A", false, []],
    ["CONFIG_B=y\n", "A|B", false, []],
    ["", "A", false, ["A"]],
    ["# CONFIG_A is not set\n", "A|B", true, ["A|B"]],
    ["CONFIG_A=m\n", "A", true, []],
    ["CONFIG_A=m\n", "A", false, ["A=m"]],
    ['CONFIG_A="y"\n', "A", true, ["A"]],
  ])("%j against %s, modules %s: misses %j", (text, symbol, hasModules, missing) => {
    const verdict = judge(known(text, { hasModules }), { all: [symbol] });
    expect(verdict).toEqual(missing.length === 0 ? { verdict: "yes" } : { verdict: "no", missing });
  });

  test("may be one architecture's, and may want no module", () => {
    const requirements = { all: [], x86_64: ["X"], arm64: ["Y"] };
    expect(judge(known("CONFIG_Y=y\n", { arch: "arm64" }), requirements).verdict).toBe("yes");
    expect(judge(known("CONFIG_Y=y\n"), requirements).verdict).toBe("no");
    const modular = known("CONFIG_X=m\n", { hasModules: true });
    expect(judge(modular, requirements, true)).toEqual({ verdict: "no", missing: ["X=m"] });
  });

  test("is not judged without a configuration", () => {
    const verdicts = [...judgeNeeds(undefined), ...judgeTags(undefined)];
    expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(["unknown"]));
  });
});

test("every requirement of every table can be a symbol, and none is met by an empty configuration", () => {
  for (const arch of ["x86_64", "arm64"] as const) {
    for (const row of [...judgeNeeds(known("", { arch })), ...judgeTags(known("", { arch }))]) {
      if (row.verdict !== "no") throw new Error(`${row.verdict} of an empty configuration`);
      for (const symbol of row.missing) expect(symbol).toMatch(/^[A-Z0-9_]+(?:\|[A-Z0-9_]+)*$/);
    }
  }
});

test("tags are told from other words, and from what every object has", () => {
  expect(featureTags).toHaveLength(19);
  expect(featureTags.every(isFeatureTag)).toBe(true);
  for (const word of ["", "Docker", "toString", "__proto__"])
    expect(isFeatureTag(word)).toBe(false);
});

test("hardening tells each option of the architecture once, and what newer kernels always have", () => {
  const config = known("CONFIG_RETPOLINE=y\nCONFIG_DEVMEM=y\n");
  const findings = judgeHardening(config, version("6.12.1"));
  const by = new Map(findings.map((finding) => [finding.symbol, finding]));
  expect(by.size).toBe(findings.length);
  expect(by.get("RETPOLINE")).toMatchObject({ set: true, wanted: "on" });
  expect(by.get("DEVMEM")).toMatchObject({ set: true, wanted: "off" });
  expect(by.get("REFCOUNT_FULL")?.set).toBe(true);
  expect(by.has("UNMAP_KERNEL_AT_EL0")).toBe(false);
  const old = judgeHardening(config, version("5.4.1"));
  expect(old.find(({ symbol }) => symbol === "LEGACY_TIOCSTI")?.set).toBe(true);
  expect(by.get("LEGACY_TIOCSTI")?.set).toBe(false);
  expect(old.find(({ symbol }) => symbol === "REFCOUNT_FULL")?.set).toBe(false);
});

test("two configurations differ in what is added, removed and changed", () => {
  const a = parseKconfig("CONFIG_A=y\nCONFIG_B=1\nCONFIG_SAME=y\n# CONFIG_OFF is not set\n", "a");
  const b = parseKconfig("CONFIG_B=2\nCONFIG_C=m\nCONFIG_SAME=y\n", "b");
  expect(diffConfigs(a, b)).toEqual({
    added: [{ symbol: "C", from: "n", to: "m" }],
    removed: [{ symbol: "A", from: "y", to: "n" }],
    changed: [{ symbol: "B", from: "1", to: "2" }],
  });
  expect(diffConfigs(a, a)).toEqual({ added: [], removed: [], changed: [] });
});
