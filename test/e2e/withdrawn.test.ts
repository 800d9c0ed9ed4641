/** What a host does with kernels that the catalog has withdrawn. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { documentOf, refusal, requireExit, valueAt } from "../support/answers.ts";
import { type BundleEntry, type ChildResult, Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
let bad: BundleEntry;
let good: BundleEntry;

const mark = {
  reason: "loses writes \u001b[31mnow",
  since: "2026-02-03T04:05:06Z",
  replaced_by: "generic-6.18",
};
const shownReason = String.raw`was withdrawn on 2026-02-03: loses writes \x1b[31mnow`;

const run = (...words: readonly string[]): Promise<ChildResult> => sandbox.banger(words);

/** A catalog in which generic-6.12 is withdrawn; each call is a newer one. */
let serial = 1;
function withdraw(fields: object = mark, ...others: readonly object[]): void {
  serial += 1;
  sandbox.writeCatalog([{ ...bad, withdrawn: fields }, good, ...others], { serial });
}

beforeEach(() => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  bad = sandbox.bundle({ version: "6.12.2" });
  good = sandbox.bundle({ name: "generic-6.18", version: "6.18.1" });
  serial = 1;
  sandbox.writeCatalog([bad, good], { serial });
});
afterEach(() => sandbox.dispose());

describe("a kernel that is withdrawn", () => {
  test("is refused, with the reason and what replaces it, and leaves nothing", async () => {
    requireExit(await run("kernel", "pull", "generic-6.18"));
    withdraw();
    const before = sandbox.snapshot();
    const result = requireExit(await run("kernel", "pull", "generic-6.12"), 1);
    expect(result.stderr).toBe(
      `banger: error: cannot pull generic-6.12: Linux 6.12.2 ${shownReason}
hint: it is replaced by generic-6.18: banger kernel pull generic-6.18:x86_64
hint: to install it all the same: banger kernel pull --allow-withdrawn generic-6.12:x86_64
`,
    );
    expect(refusal(await run("kernel", "pull", "--json", "generic-6.12@6.12.2"))).toStartWith(
      "1 refused: ",
    );
    requireExit(await run("kernel", "pull", "--force", "generic-6.12"), 1);
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("is installed by --allow-withdrawn, with a warning, and stays installed", async () => {
    withdraw();
    const pulled = await run("kernel", "pull", "--allow-withdrawn", "--json", "generic-6.12");
    expect(valueAt(documentOf(pulled), "results.0")).toMatchObject({
      outcome: "installed",
      withdrawn: mark,
    });
    expect(pulled.stderr).toContain(
      `warning: generic-6.12:x86_64 is installed and ${shownReason}; it is replaced by generic-6.18: banger kernel pull generic-6.18:x86_64\n`,
    );
    requireExit(await run("kernel", "verify"));
    requireExit(await run("kernel", "path", "generic-6.12", "vmlinux"));
  });

  test("goes on working where it is installed, and a pull that changes nothing only warns", async () => {
    requireExit(await run("kernel", "pull", "generic-6.12"));
    withdraw();
    const before = sandbox.snapshot();
    const pulled = await run("kernel", "pull", "-q", "--json", "generic-6.12");
    expect(documentOf(pulled)).toMatchObject({
      results: [{ outcome: "current", withdrawn: mark, error: null }],
    });
    expect(pulled.stderr).toStartWith(
      "warning: generic-6.12:x86_64 is installed and was withdrawn",
    );
    requireExit(await run("kernel", "gc"));
    expect(sandbox.snapshot()).toEqual(before);
    rmSync(join(sandbox.state, "kernels/generic-6.12/vmlinux"));
    expect(refusal(await run("kernel", "pull", "--json", "generic-6.12"))).toContain("1 refused: ");
    requireExit(await run("kernel", "pull", "--allow-withdrawn", "generic-6.12"));
    requireExit(await run("kernel", "verify", "generic-6.12"));
  });

  test("is told by list, outdated, show and doctor, also when its build is the same", async () => {
    requireExit(await run("kernel", "pull", "generic-6.12", "generic-6.18"));
    const quiet = requireExit(await run("kernel", "list"));
    expect(quiet.stderr).toBe("");
    withdraw();
    const listed = await run("kernel", "list", "--json");
    expect(documentOf(listed)).toMatchObject({
      kernels: [
        { name: "generic-6.12", standing: "current", withdrawn: mark },
        { name: "generic-6.18", standing: "current", withdrawn: null },
      ],
    });
    expect(listed.stderr.match(/^warning: .*$/gm)).toHaveLength(1);
    expect((await run("kernel", "list")).stdout).toMatch(/^generic-6\.12 .* withdrawn$/m);
    const available = await run("kernel", "list", "--available", "-q");
    expect(available.stderr).toStartWith("warning: generic-6.12:x86_64 is installed and was");
    expect(available.stdout).toContain(`[${shownReason}] generic-6.12 for tests`);
    const outdated = await run("kernel", "outdated", "--json");
    expect(documentOf(outdated)).toMatchObject({
      kernels: [],
      notices: [{ name: "generic-6.12", kernel_version: "6.12.2", withdrawn: mark }],
    });
    expect(outdated.stderr).toStartWith("warning: ");
    expect(outdated.stderr).not.toContain("up to date");
    const shown = requireExit(await run("kernel", "show", "generic-6.12")).stdout;
    expect(shown).toContain(shownReason);
    expect(shown).toMatch(/^replaced by: +generic-6\.18$/m);
    const doctor = await run("doctor", "--json");
    const checks = valueAt(documentOf(doctor, 7), "checks");
    expect(checks).toContainEqual({
      check: "kernels",
      ok: false,
      message: "generic-6.12 was withdrawn on 2026-02-03: loses writes \u001b[31mnow",
      fix: "use generic-6.18 in its place: banger kernel pull generic-6.18:x86_64",
    });
  });

  test("is told of older builds of the name, which are not called outdated", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.1" }), good], { serial });
    requireExit(await run("kernel", "pull", "generic-6.12"));
    withdraw();
    expect(documentOf(await run("kernel", "outdated", "--json"))).toMatchObject({
      kernels: [],
      notices: [{ kernel_version: "6.12.1", standing: "outdated", withdrawn: mark }],
    });
    const doctor = JSON.stringify(documentOf(await run("doctor", "--json"), 7));
    expect(doctor).not.toContain("outdated: ");
    requireExit(await run("kernel", "pull", "generic-6.12"), 1);
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.3" })], { serial: serial + 1 });
    const after = await run("kernel", "outdated", "--json");
    expect(documentOf(after, 7)).toMatchObject({ kernels: [{ withdrawn: null }], notices: [] });
  });

  test("is not told of imports, and of what came from a newer catalog", async () => {
    requireExit(await run("kernel", "pull", "generic-6.12"));
    requireExit(await run("kernel", "export", "generic-6.12", "tree"));
    const words = ["kernel", "import", "generic-6.12", "--force", "--from", "tree"];
    requireExit(await run(...words, "--distro", "generic", "--arch", "x86_64"));
    withdraw();
    expect(documentOf(await run("kernel", "list", "--json"))).toMatchObject({
      kernels: [{ standing: "imported", withdrawn: null }],
    });
    requireExit(await run("kernel", "rm", "generic-6.12"));
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.3" })], { serial: 9 });
    requireExit(await run("kernel", "pull", "generic-6.12"));
    withdraw();
    const { stderr, ...listed } = await run("kernel", "list", "--json");
    expect(documentOf({ stderr, ...listed })).toMatchObject({
      kernels: [{ standing: "newer", withdrawn: null }],
    });
    expect(stderr).toBe("");
  });

  test("is not recommended, proposed, or completed, and neither is a replacement", async () => {
    withdraw(mark, { ...good, arch: "arm64" });
    const offered = requireExit(await run("kernel", "pull"), 2);
    expect(offered.stderr).toContain("the recommended one: banger kernel pull generic-6.18\n");
    const typo = requireExit(await run("kernel", "pull", "generic-6.122"), 3);
    expect(typo.stderr).not.toMatch(/did you mean generic-6\.12\?/);
    const missing = requireExit(await run("kernel", "path", "generic-6.12"), 3);
    expect(missing.stderr).toContain("the catalog has withdrawn it");
    expect(missing.stderr).not.toContain("kernel pull");
    const shown = requireExit(await run("kernel", "show", "generic-6.12"));
    expect(shown.stdout).not.toContain("kernel pull");
    const other = requireExit(await run("kernel", "pull", "generic-6.12@6.12.1"), 3);
    expect(other.stderr).not.toContain("kernel pull generic-6.12");
    const completed = requireExit(await run("complete", "--", "kernel", "pull", "gen"));
    expect(completed.stdout).toContain("generic-6.18");
    expect(completed.stdout).not.toContain("generic-6.12");

    for (const replaced_by of ["gone-1.0", "generic-6.12"]) {
      withdraw({ ...mark, replaced_by });
      const refused = requireExit(await run("kernel", "pull", "generic-6.12"), 1);
      expect(refused.stderr).toContain("hint: see what there is: banger kernel list --available\n");
      expect(refused.stderr).not.toContain("it is replaced by");
    }
    sandbox.writeCatalog([
      { ...bad, withdrawn: mark },
      { ...good, withdrawn: { ...mark, replaced_by: "generic-6.12" } },
    ]);
    expect(requireExit(await run("kernel", "pull", "generic-6.18"), 1).stderr).not.toContain(
      "it is replaced by",
    );
    expect(requireExit(await run("kernel", "pull"), 2).stderr).toContain("see what there is");
  });
});
