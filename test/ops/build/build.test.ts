/** Builds of a tree that has a kernel's Makefile targets and no kernel: make, locks and folders are real. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BangerError } from "../../../src/core/errors.ts";
import { parseProvenance } from "../../../src/core/provenance.ts";
import { sha256Of } from "../../../src/io/hash.ts";
import { buildKernel, type BuildKernelInput } from "../../../src/ops/build/build.ts";
import { withBuildLock } from "../../../src/ops/build/lock.ts";
import { planBuild } from "../../../src/ops/build/plan.ts";
import { loadReleaseKeys } from "../../../src/ops/build/release-keys.ts";
import { outcomeOf, testContext } from "../../support/context.ts";
import { kernelTarball, tarballTime } from "../../support/kernel-tarball.ts";
import { smallKernel } from "../../support/small-kernel.ts";

const makefile = `VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 117
EXTRAVERSION =

olddefconfig:
	sed -i -e '/CONFIG_VANISHES/d' -e '/CONFIG_TURNS/s/=y/=m/' $(O)/.config

Image:
	@! grep -q CONFIG_BREAKS=y $(O)/.config || { echo "mm/slab.c:7:1: error: it is broken" >&2; exit 1; }
	@! grep -q CONFIG_FILLS=y $(O)/.config || cat Makefile >/dev/full
	mkdir -p $(O)/arch/arm64/boot
	cp ballast $(O)/arch/arm64/boot/Image
`;
const image = smallKernel({ arch: "arm64", version: "6.12.117" });
const { xz } = kernelTarball("6.12.117", { makefile, ballast: image });
const keys = loadReleaseKeys(resolve(import.meta.dirname, "../../../catalog/upstream-keys"));
const pin = "CONFIG_BASE=y\n";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-build-"));
  writeFileSync(join(folder, "linux.tar.xz"), xz);
  writeFileSync(join(folder, "pin.config"), pin);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What to build: the fragment asks for these symbols. */
function input(symbols: string, changes: Partial<BuildKernelInput> = {}): BuildKernelInput {
  writeFileSync(join(folder, "ours.config"), symbols);
  const recipe = {
    version: 1,
    line: "6.12",
    architectures: {
      arm64: {
        pins: [{ name: "pin.config", url: "https://pins.invalid/x", sha256: sha256Of(pin) }],
        fragments: ["ours.config"],
      },
    },
    unavailable: {},
    required: ["BASE"],
    forbidden: ["MODULES"],
    drift: {},
  };
  writeFileSync(join(folder, "6.12.json"), JSON.stringify(recipe));
  return {
    recipe: join(folder, "6.12.json"),
    arch: "arm64",
    out: join(folder, "out"),
    version: undefined,
    mirrored: { source: join(folder, "linux.tar.xz"), sha256: sha256Of(xz) },
    sourceUri: "pkg:deb/debian/linux-source-6.12@6.12.117-1",
    configs: [join(folder, "pin.config")],
    jobs: 2,
    ccache: false,
    ...changes,
  };
}

const place = () => ({ cache: join(folder, "cache"), keys, version: "0.1.0" });
const outcome = (wanted: BuildKernelInput) =>
  outcomeOf(() => buildKernel(testContext(), place(), wanted));

describe("a build", () => {
  test("puts kernel, configuration and provenance into its folder, and nothing else", async () => {
    const { facts } = await buildKernel(testContext(), place(), input("CONFIG_OURS=y\n"));
    const out = join(folder, "out");
    expect(readdirSync(out).sort()).toEqual(["kernel.config", "provenance.json", "vmlinux"]);
    expect(readFileSync(join(out, "vmlinux")).equals(image)).toBe(true);
    expect(readFileSync(join(out, "kernel.config"), "utf8")).toBe("CONFIG_BASE=y\nCONFIG_OURS=y\n");
    const text = readFileSync(join(out, "provenance.json"), "utf8");
    expect(parseProvenance(text, "p")).toEqual(facts);
    expect(facts).toMatchObject({
      line: "6.12",
      kernelVersion: "6.12.117",
      trust: { kind: "hash" },
      outputs: { vmlinux: sha256Of(image) },
      environment: { SOURCE_DATE_EPOCH: String(tarballTime) },
    });
    expect(facts.inputs.map(({ kind, sha256 }) => [kind, sha256])).toEqual([
      ["source", sha256Of(xz)],
      ["recipe", sha256Of(readFileSync(join(folder, "6.12.json")))],
      ["config", sha256Of(pin)],
      ["fragment", sha256Of("CONFIG_OURS=y\n")],
    ]);
    expect(facts.inputs[2]).toMatchObject({ name: "pin.config", uri: "https://pins.invalid/x" });
    expect(text).not.toContain(folder);
  });

  test("keeps what is dated in the cache, under the hash of the provenance", async () => {
    await buildKernel(testContext(), place(), input(""));
    const sha256 = sha256Of(readFileSync(join(folder, "out/provenance.json")));
    const record: unknown = JSON.parse(
      readFileSync(join(folder, "cache/builds", `${sha256}.json`), "utf8"),
    );
    expect(record).toMatchObject({ version: 1, provenance_sha256: sha256, ccache: false });
  });

  test("comes again to the same bytes elsewhere", async () => {
    await buildKernel(testContext(), place(), input("CONFIG_OURS=y\n"));
    const elsewhere = { cache: join(folder, "deep/er/cache"), keys, version: "0.1.0" };
    const again = input("CONFIG_OURS=y\n", { out: join(folder, "again"), jobs: 1 });
    await buildKernel(testContext(), elsewhere, again);
    for (const name of ["vmlinux", "kernel.config", "provenance.json"]) {
      expect(readFileSync(join(folder, "again", name), "utf8")).toBe(
        readFileSync(join(folder, "out", name), "utf8"),
      );
    }
  });

  test.each([
    ["drops a symbol", "CONFIG_VANISHES=y\n", "verification-failed: the configuration is not what"],
    ["makes a module", "CONFIG_TURNS=y\n", "verification-failed: the configuration is not what"],
    ["fails", "CONFIG_BREAKS=y\n", "failed: make Image ended with 2"],
    ["fills the disk", "CONFIG_FILLS=y\n", "no-space: cannot build in"],
  ])("that %s leaves what was built before", async (_what, symbols, words) => {
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/vmlinux"), "before");
    expect(await outcome(input(symbols))).toStartWith(words);
    expect(readdirSync(join(folder, "out"))).toEqual(["vmlinux"]);
    expect(readFileSync(join(folder, "out/vmlinux"), "utf8")).toBe("before");
  });

  test("that fails says the lines that tell why, and where all of them are", async () => {
    const failure = await buildKernel(testContext(), place(), input("CONFIG_BREAKS=y\n")).catch(
      (error: unknown) => error,
    );
    if (!(failure instanceof BangerError)) throw failure;
    expect(failure.hint).toContain("mm/slab.c:7:1: error: it is broken");
    expect(failure.hint).toContain("build.log");
  });

  test("does not touch a folder that holds something else", async () => {
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/thesis.txt"), "precious");
    expect(await outcome(input(""))).toContain("refused: ");
    expect(readdirSync(join(folder, "out"))).toEqual(["thesis.txt"]);
  });

  test("ends at once while the same is being built", async () => {
    const { cache } = place();
    await withBuildLock(testContext(), cache, "generic-6.12-arm64", async () => {
      expect(await outcome(input(""))).toStartWith("busy: cannot build generic-6.12-arm64");
    });
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("ends when it is told to", async () => {
    const controller = new AbortController();
    const context = testContext({ signal: controller.signal });
    const reason = new Error("stop");
    const report = () => {
      controller.abort(reason);
    };
    const run = buildKernel({ ...context, report }, place(), input(""));
    expect(await run.catch((error: unknown) => error)).toBe(reason);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("of a kernel that calls itself otherwise is refused", async () => {
    const other = kernelTarball("6.12.117", {
      makefile,
      ballast: smallKernel({ arch: "arm64", version: "6.12.99" }),
    });
    writeFileSync(join(folder, "linux.tar.xz"), other.xz);
    const mirrored = { source: join(folder, "linux.tar.xz"), sha256: sha256Of(other.xz) };
    expect(await outcome(input("", { mirrored }))).toBe(
      "verification-failed: the kernel calls itself 6.12.99, expected 6.12.117",
    );
  });

  test("names the programs that are missing before it fetches anything", async () => {
    const context = testContext({ variables: { PATH: "/nonexistent" } });
    const run = outcomeOf(() => buildKernel(context, place(), input("")));
    expect(await run).toContain("a kernel cannot be built without bc, bison, flex");
    expect(existsSync(join(folder, "cache/sources"))).toBe(false);
  });
});

describe("the configuration", () => {
  test("may be another in place of Firecracker's, and the provenance names it", async () => {
    writeFileSync(join(folder, "mine.config"), "CONFIG_BASE=y\nCONFIG_MINE=y\n");
    const configs = [join(folder, "mine.config")];
    const { facts } = await buildKernel(testContext(), place(), input("", { configs }));
    expect(facts.inputs[2]).toMatchObject({ kind: "config", name: "mine.config" });
    expect(readFileSync(join(folder, "out/kernel.config"), "utf8")).toContain("CONFIG_MINE=y");
  });

  test("cannot be two others", async () => {
    for (const name of ["a", "b"]) writeFileSync(join(folder, name), `CONFIG_${name}=y\n`);
    const configs = [join(folder, "a"), join(folder, "b")];
    expect(await outcome(input("", { configs }))).toStartWith("usage: a and b are both no pinned");
  });

  test("that is not there is named", async () => {
    const gone = join(folder, "gone");
    expect(await outcome(input("", { configs: [gone] }))).toContain(`${gone}: no such file`);
    expect(await outcome(input("", { recipe: gone }))).toBe(
      `not-found: there is no recipe ${gone}`,
    );
  });
});

test("a plan says what would be built, and writes nothing", () => {
  const plan = planBuild(testContext(), place(), input(""));
  expect(plan).toMatchObject({ line: "6.12", arch: "arm64", missing: [] });
  expect(plan.configurations.map(({ name }) => name)).toEqual(["pin.config", "ours.config"]);
  expect(existsSync(join(folder, "cache"))).toBe(false);
});

test("an output folder that holds anything else is refused before anything is done", async () => {
  const foreign = input("");
  mkdirSync(foreign.out);
  writeFileSync(join(foreign.out, "letters.txt"), "mine");
  const refused = `refused: ${foreign.out} holds what no build wrote: letters.txt`;
  expect(await outcome(foreign)).toBe(refused);
  expect(await outcomeOf(async () => planBuild(testContext(), place(), foreign))).toBe(refused);
  expect(existsSync(join(folder, "cache"))).toBe(false);
});
