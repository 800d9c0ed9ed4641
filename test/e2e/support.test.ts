/** What a host is told of kernels whose line is not kept up any more. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { documentOf, requireExit, valueAt } from "../support/answers.ts";
import { Sandbox } from "../support/sandbox.ts";
import { inDays } from "../support/signed-repository.ts";

let sandbox: Sandbox;

const day = (days: number): string => inDays(days).slice(0, 10);
const over = { upstream_eol: day(2), firecracker_until: day(-2) };

beforeEach(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  const old = { ...sandbox.bundle({ name: "generic-6.1", version: "6.1.9" }), support: over };
  const kept = { ...sandbox.bundle(), support: { upstream_eol: day(2) } };
  const untold = sandbox.bundle({ name: "mine-6.9", version: "6.9.1" });
  sandbox.writeCatalog([old, kept, untold]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.1", "generic-6.12", "mine-6.9"]));
});
afterEach(() => sandbox.dispose());

describe("a line that is past its end", () => {
  test("is told by list --available, with the days", async () => {
    const words = ["kernel", "list", "--available"];
    expect(documentOf(await sandbox.banger([...words, "--json"]))).toMatchObject({
      entries: [
        { name: "generic-6.1", support: over, past_end: ["firecracker"] },
        { name: "generic-6.12", support: { upstream_eol: day(2) }, past_end: [] },
        { name: "mine-6.9", past_end: [] },
      ],
    });
    const { stdout } = requireExit(await sandbox.banger(words));
    expect(stdout.match(/\[.*\]/g)).toEqual([`[Firecracker supported its line until ${day(-2)}]`]);
  });

  test("is told by show, installed and of the catalog", async () => {
    const shown = documentOf(await sandbox.banger(["kernel", "show", "generic-6.1", "--json"]));
    expect(shown).toMatchObject({
      installed: { support: over, past_end: ["firecracker"], withdrawn: null },
      entry: { support: over, past_end: ["firecracker"] },
    });
    const { stdout } = requireExit(await sandbox.banger(["kernel", "show", "generic-6.1"]));
    expect(stdout).toMatch(
      new RegExp(
        `^supported: +kernel.org until ${day(2)}, Firecracker until ${day(-2)} \\(over\\)$`,
        "m",
      ),
    );
    const other = requireExit(await sandbox.banger(["kernel", "show", "mine-6.9"]));
    expect(other.stdout).toMatch(/^supported: +not told$/m);
  });

  test("is a warning of outdated, and no reason to end with 7", async () => {
    const outdated = await sandbox.banger(["kernel", "outdated", "--json", "-q"]);
    const document = documentOf(outdated);
    expect(document).toMatchObject({ kernels: [], notices: [{ name: "generic-6.1" }] });
    expect(valueAt(document, "notices.0")).toMatchObject({
      standing: "current",
      support: over,
      past_end: ["firecracker"],
    });
    expect(outdated.stderr).toBe(
      `warning: generic-6.1:x86_64 is past its end: Firecracker supported its line until ${day(-2)}\n`,
    );
    const listed = requireExit(await sandbox.banger(["kernel", "list"]));
    expect(listed.stdout).toMatch(/^generic-6\.1 .* up to date, past its end$/m);
    expect(listed.stderr).toBe("");
  });

  test("does not keep its kernels from being pulled", async () => {
    requireExit(await sandbox.banger(["kernel", "rm", "generic-6.1"]));
    requireExit(await sandbox.banger(["kernel", "pull", "generic-6.1"]));
  });
});
