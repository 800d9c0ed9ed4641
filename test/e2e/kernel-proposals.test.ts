import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/**
 * Stands in for GitHub: pull requests are lines `head url [state mergeable]` of a file, and every call is
 * written down.
 */
const gh = `#!/bin/bash
echo "$*" >>"$WORK/calls"
touch "$WORK/requests"
while [ $# -gt 0 ]; do
  case $1 in
    --head) head=$2 ;;
    --body-file) cat >"$WORK/body" ;;
  esac
  words="$words $1"
  shift
done
case $words in
  " repo view"*) echo main ;;
  " pr list"*--jq*) sed -n "s|^$head \\([^ ]*\\).*|\\1|p" "$WORK/requests" ;;
  " pr list"*)
    while read -r name url state mergeable; do
      [ "$name" != "$head" ] ||
        printf '{"url":"%s","state":"%s","mergeable":"%s"}\\n' "$url" "$state" "$mergeable"
    done <"$WORK/requests" | paste -sd, | sed 's/.*/[&]/' ;;
  " pr create"*)
    [ ! -e "$WORK/broken" ] || exit 1
    echo "$head https://example.com/1" >>"$WORK/requests" ;;
esac
`;

const scripts = path.resolve(import.meta.dirname, "../../scripts");
const proposed = (url: string): string => `kernels/6.12-6.12.118 ${url}`;
let work: string;
let checkout: string;

function run(program: string, args: readonly string[], environment: Record<string, string> = {}) {
  return spawnSync(program, args, {
    cwd: checkout,
    encoding: "utf8",
    env: {
      PATH: `${work}/bin:${process.env["PATH"] ?? ""}`,
      HOME: work,
      WORK: work,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "A",
      GIT_AUTHOR_EMAIL: "a@example.com",
      GIT_COMMITTER_NAME: "A",
      GIT_COMMITTER_EMAIL: "a@example.com",
      ...environment,
    },
  });
}

const git = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = run("git", args);
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
};

const calls = (): string[] => readFileSync(path.join(work, "calls"), "utf8").trim().split("\n");

const propose = (environment: Record<string, string> = {}) =>
  run("scripts/propose-kernel.sh", ["6.12", "6.12.118"], environment);

const plan = (rows: unknown) => {
  writeFileSync(path.join(work, "outdated.json"), JSON.stringify(rows));
  return run("scripts/plan-kernels.sh", [path.join(work, "outdated.json")]);
};
const row = (line: string, arch: string, from: string | null, to: string) => ({
  line,
  arch,
  catalog_version: from,
  newest_version: to,
});

beforeEach(() => {
  work = mkdtempSync(path.join(tmpdir(), "banger-proposals-"));
  checkout = path.join(work, "checkout");
  for (const folder of ["bin", "checkout/scripts", "checkout/catalog", "checkout/bundles"]) {
    mkdirSync(path.join(work, folder), { recursive: true });
  }
  writeFileSync(path.join(work, "bin/gh"), gh, { mode: 0o755 });
  for (const name of ["propose-kernel.sh", "plan-kernels.sh"]) {
    cpSync(path.join(scripts, name), path.join(checkout, "scripts", name));
  }
  writeFileSync(path.join(checkout, "scripts/banger-maint"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(path.join(checkout, "catalog/catalog.json"), "old\n");
  writeFileSync(path.join(checkout, "bundles/README.md"), "bundles\n");
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

describe("propose-kernel.sh", () => {
  const branch = "kernels/6.12-6.12.118";

  beforeEach(() => {
    git("init", "--quiet", "--bare", "--initial-branch=main", `${work}/origin`);
    git("init", "--quiet", "--initial-branch=main");
    git("remote", "add", "origin", `${work}/origin`);
    git("add", ".");
    git("commit", "--quiet", "--message", "first");
    git("push", "--quiet", "origin", "main");
    writeFileSync(path.join(checkout, "catalog/catalog.json"), "new\n");
  });

  test("pushes the change and nothing else, and opens a pull request", () => {
    writeFileSync(path.join(checkout, "stray"), "");
    const { status, stderr } = propose();
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(git("log", "--format=%an %s", `main..origin/${branch}`)).toBe(
      "A catalog: generic-6.12 is 6.12.118",
    );
    expect(git("diff", "--name-only", "main", `origin/${branch}`)).toBe("catalog/catalog.json");
    expect(calls().at(-1)).toBe(
      `pr create --base main --head ${branch} --title catalog: generic-6.12 is 6.12.118 --body-file -`,
    );
    expect(readFileSync(path.join(work, "body"), "utf8")).toContain("Linux 6.12.118");
  });

  test("in CI commits as the bot, names its run, and asks for the tests", () => {
    const { status } = propose({
      CI: "true",
      GITHUB_RUN_ID: "7",
      GITHUB_SERVER_URL: "https://example.com",
      GITHUB_REPOSITORY: "a/b",
    });
    expect(status).toBe(0);
    expect(git("log", "-1", "--format=%an", `origin/${branch}`)).toBe("github-actions[bot]");
    expect(readFileSync(path.join(work, "body"), "utf8")).toContain(
      "Run: https://example.com/a/b/actions/runs/7",
    );
    expect(calls().at(-1)).toBe(`workflow run test.yml --ref ${branch}`);
  });

  test("goes on after a failure between the branch and the pull request", () => {
    writeFileSync(path.join(work, "broken"), "");
    expect(propose().status).not.toBe(0);
    rmSync(path.join(work, "broken"));
    git("switch", "--quiet", "main");
    writeFileSync(path.join(checkout, "catalog/catalog.json"), "newer\n");
    expect(propose().status).toBe(0);
    expect(git("show", `origin/${branch}:catalog/catalog.json`)).toBe("newer");
    expect(calls().filter((call) => call.startsWith("pr create"))).toHaveLength(2);
  });

  test("keeps a pull request that is open", () => {
    writeFileSync(path.join(work, "requests"), proposed("https://example.com/1\n"));
    expect(propose()).toMatchObject({ status: 0, stdout: "https://example.com/1\n" });
    expect(calls().filter((call) => call.startsWith("pr create"))).toEqual([]);
  });

  test("refuses when nothing was changed or the catalog is not sound, and pushes nothing", () => {
    writeFileSync(path.join(checkout, "scripts/banger-maint"), "#!/bin/sh\nexit 1\n");
    expect(propose().status).toBe(1);
    git("restore", ".");
    expect(propose()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("nothing in catalog/ or bundles/ was changed\nhint: "),
    });
    expect(git("ls-remote", "--heads", "origin")).toMatch(/^\S+\s+refs\/heads\/main$/);
  });
});

describe("plan-kernels.sh", () => {
  const rows = [
    row("6.12", "x86_64", "6.12.117", "6.12.118"),
    row("6.12", "arm64", null, "6.12.118"),
    row("6.1", "x86_64", "6.1.150", "6.1.151"),
    row("6.18", "x86_64", "6.18.1", "6.18.1"),
  ];

  test("builds each architecture and proposes each line once", () => {
    const { status, stdout, stderr } = plan(rows);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout.split("\n")).toEqual([
      'kernels=[{"line":"6.12","arch":"x86_64","version":"6.12.118"},{"line":"6.12","arch":"arm64","version":"6.12.118"},{"line":"6.1","arch":"x86_64","version":"6.1.151"}]',
      'changes=[{"line":"6.12","version":"6.12.118","archs":"x86_64 arm64"},{"line":"6.1","version":"6.1.151","archs":"x86_64"}]',
      "",
    ]);
  });

  test("leaves out what has been proposed", () => {
    writeFileSync(path.join(work, "requests"), proposed("https://example.com/1\n"));
    const { stdout, stderr } = plan(rows.slice(0, 2));
    expect(stdout).toBe("kernels=[]\nchanges=[]\n");
    expect(stderr).toBe("kernels/6.12-6.12.118 has been proposed: https://example.com/1\n");
    expect(calls().every((call) => call.includes("--state all"))).toBe(true);
  });

  test.each([
    ["MERGED UNKNOWN", false],
    ["CLOSED CONFLICTING", false],
    ["OPEN MERGEABLE", false],
    ["OPEN UNKNOWN", false],
    ["OPEN CONFLICTING", true],
  ])("makes anew only what is open and conflicts: %s", (state, isAgain) => {
    const request = proposed(`https://example.com/1 ${state}\n`);
    writeFileSync(path.join(work, "requests"), request);
    const { stdout, stderr } = plan(rows.slice(0, 1));
    expect(stdout.includes('"version":"6.12.118"')).toBe(isAgain);
    expect(stderr).toContain("https://example.com/1");
  });

  test.each([
    [{}, "not a list"],
    [[{ ...rows[0], line: "6.12; true" }], "is no line"],
    [[{ ...rows[0], arch: "$(id)" }], "is no arch"],
    [[{ ...rows[0], newest_version: "6.12.118\nkernels=[]" }], "is no newest_version"],
    [[{ ...rows[0], newest_version: null }], "null is no newest_version"],
  ])("refuses %j", (found, fault) => {
    expect(plan(found)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining(fault),
    });
  });
});
