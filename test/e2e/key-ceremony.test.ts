/** docs/key-ceremony.md, as it stands there. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { requireExit } from "../support/answers.ts";
import { Checkout } from "../support/checkout.ts";
import { runChild } from "../support/child.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../docs/key-ceremony.md"), "utf8");

test("docs/key-ceremony.md: every command of it does what it says, one after the other", async () => {
  using checkout = new Checkout();
  const temporary = mkdtempSync(join(tmpdir(), "banger-ceremony-"));
  for (const name of ["trust", "SHA256SUMS", "minisign.pub"]) {
    rmSync(join(checkout.root, "catalog", name), { recursive: true, force: true });
  }
  const blocks = [...page.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "");
  expect(blocks.length).toBeGreaterThan(8);
  try {
    const result = await runChild({
      file: "bash",
      args: ["-euo", "pipefail", "-c", blocks.join("\n")],
      cwd: checkout.root,
      env: { PATH: process.env["PATH"], HOME: checkout.home, TMPDIR: temporary },
      // Of the keys once, of minisign twice.
      stdin: "open sesame\n".repeat(3),
      timeoutMs: 500_000,
    });
    requireExit(result);
    expect(result.stdout).toMatch(/catalog \d+ is the newest there is/);
    expect(result.stdout).toMatch(/timestamp 1 of new snapshot 1 and targets 2, good until /);
  } finally {
    rmSync(temporary, { recursive: true });
  }
  const status = await checkout.run("scripts/banger-maint", ["trust", "status", "--json"]);
  expect(JSON.parse(requireExit(status).stdout)).toMatchObject({
    ready: true,
    publishable: true,
    roles: [{ role: "root", version: 3 }, { role: "targets", version: 2 }, {}, {}],
  });
}, 600_000);
