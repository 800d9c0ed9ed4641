import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gpg } from "../support/gpg.ts";

const repository = join(import.meta.dirname, "../..");
let checkout = "";

/** A checkout whose keys can be spoilt: its own bin and catalog, and our sources. */
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "banger-checkout-"));
  for (const name of ["bin", "catalog"]) {
    cpSync(join(repository, name), join(checkout, name), { recursive: true });
  }
  for (const name of ["src", "node_modules", "package.json"]) {
    symlinkSync(join(repository, name), join(checkout, name));
  }
});

afterAll(() => {
  rmSync(checkout, { recursive: true, force: true });
});

function checkKeys(
  args: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): { exitCode: number | null; stdout: string; stderr: string } {
  const program = join(checkout, "bin/banger-maint.ts");
  const end = spawnSync(process.execPath, [program, "check-keys", ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: checkout, ...variables },
  });
  return { exitCode: end.status, stdout: end.stdout, stderr: end.stderr };
}

test("check-keys is content with the keys of the catalog", () => {
  const { exitCode, stdout, stderr } = checkKeys();
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(
    `647F28654894E3BD457199BE38DBBDC86092693E Greg Kroah-Hartman: ok, does not expire
ABAF11C65A2970B130ABE3C479BE3E4300411886 Linus Torvalds: ok, does not expire
E27E5D8A3403A2EF66873BBCDEA66FF797772CDC Sasha Levin: ok, does not expire
`,
  );
});

test("check-keys takes no other folder, by flag or by variable", () => {
  const { exitCode, stderr } = checkKeys(["--keys", "/tmp"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("--keys");
  const home = join(checkout, "gnupg");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "gpg.conf"), "no-such-option\n");
  expect(checkKeys([], { GNUPGHOME: home }).exitCode).toBe(0);
});

test("check-keys exits 4 for a key too many, and says so in one JSON document", () => {
  using gpg = new Gpg();
  gpg.makeKey("stranger");
  const file = join(checkout, "catalog/upstream-keys/stranger.asc");
  writeFileSync(file, gpg.exportArmored("stranger"));
  const { exitCode, stdout, stderr } = checkKeys(["--json"]);
  rmSync(file);
  expect(exitCode).toBe(4);
  expect(stderr).toBe(
    `banger-maint: error: the release keys are not as they must be: stranger.asc: it is not listed
hint: catalog/upstream-keys/README.md says where they come from
`,
  );
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    extra: ["stranger.asc"],
    error: { code: "verification-failed" },
  });
});
