import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { filesBelow, readRepositoryFile } from "./source-files.ts";
import { makefileTargets, makeTargetsIn, makeTargetsOfPage, workflowFaults } from "./workflows.ts";

const targets = makefileTargets();

/** Targets of Linux's own Makefile, which pages may name too. */
const ofLinux = /^(?:[a-z]*config|modules|help)$/;

const faultsOf = (text: string): string[] => workflowFaults({ path: "a.yml", text }, targets);

describe("the workflows", () => {
  const paths = filesBelow(".github/workflows");

  test("are the four that there are", () => {
    expect(paths.map((file) => path.basename(file))).toEqual([
      "kernels.yml",
      "release.yml",
      "test.yml",
      "timestamp.yml",
    ]);
  });

  test.each(paths)("keep every rule: %s", (file) => {
    expect(workflowFaults({ path: file, text: readRepositoryFile(file) }, targets)).toEqual([]);
  });

  test("are given their secrets in two jobs only", () => {
    const jobs = paths.flatMap((file) =>
      readRepositoryFile(file)
        .split(/^ {2}(?=[a-z]+:$)/m)
        .filter((text) => text.includes("${{ secrets."))
        .map((text) => `${file}: ${text.split(":")[0]}`),
    );
    expect(jobs).toEqual([
      ".github/workflows/kernels.yml: publish",
      ".github/workflows/timestamp.yml: sign",
    ]);
  });
});

describe("make", () => {
  test("has every target that the pages and the scripts name", () => {
    const pages = ["README.md", "CHANGELOG.md", ...filesBelow("docs"), ...filesBelow("bundles")];
    const named = [
      ...pages
        .filter((file) => file.endsWith(".md"))
        .flatMap((file) =>
          makeTargetsOfPage(readRepositoryFile(file)).map((target) => ({ file, target })),
        ),
      ...makeTargetsIn(readRepositoryFile(".ci/run")).map((target) => ({
        file: ".ci/run",
        target,
      })),
    ];
    expect(named.map(({ target }) => target)).toContain("quickstart");
    const missing = named.filter(({ target }) => !targets.has(target) && !ofLinux.test(target));
    expect(missing).toEqual([]);
  });

  test.each([
    ["make test", ["test"]],
    ["cd x && make -s kernel LINE=6.12", ["kernel"]],
    ['for a in $ARCHS; do\n  make publish-kernel LINE="$LINE"\ndone', ["publish-kernel"]],
    ["make LINE=6.1 kernel | tee x", ["kernel"]],
    ["$ make build", ["build"]],
    ["make", []],
    ["cmake build; remake all", []],
    ["scripts/require.sh make node", []],
  ])("is understood in %j", (script, found) => {
    expect(makeTargetsIn(script)).toEqual([...found]);
  });
});

describe("the watch over the workflows", () => {
  const sound = `on: push
permissions: {}
concurrency: { group: a }
defaults: { run: { shell: bash } }
jobs:
  a:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions: { contents: read }
    steps:
      - uses: actions/checkout@v4
      - run: make test
`;

  test("finds nothing in a sound one", () => {
    expect(faultsOf(sound)).toEqual([]);
  });

  test.each([
    ["permissions: {}\n", "permissions: write-all\n", "permissions are not {}"],
    ["    permissions: { contents: read }\n", "", "no permissions"],
    ["    timeout-minutes: 5\n", "", "no timeout-minutes"],
    ["concurrency: { group: a }\n", "", "no concurrency"],
    ["shell: bash", "shell: sh", "pipefail"],
    ["on: push", "on: { pull_request_target: {} }", "pull_request_target"],
    ["checkout@v4", "checkout@main", "not pinned"],
    ["actions/checkout@v4", "someone/else@v1", "not pinned"],
    ["make test", "make nothing", "make nothing: there is no such target"],
    ["make test", 'echo "${{ github.event.head_commit.message }}"', "an expression in a script"],
    ["make test", "echo $HOME", "shellcheck: "],
    ["    steps:", "    env: { A: '${{ secrets.A }}' }\n    steps:", "a secret is given"],
    [/ {4}runs-on[\s\S]*/, "    permissions: {}\n    uses: x/y/z.yml@main\n", "uses x/y/z.yml"],
  ])("sees %p become %j", (before, after, fault) => {
    expect(faultsOf(sound.replace(before, after))).toEqual([expect.stringContaining(fault)]);
  });

  test("refuses a workflow that is no YAML", () => {
    expect(() => faultsOf("jobs:\n\t- a: [")).toThrow();
    expect(() => faultsOf(`${sound}jobs: {}\n`)).toThrow(/unique/);
  });

  test("includes actionlint", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "banger-workflows-"));
    const lint = (text: string): { status: number | null; stderr: string } => {
      const file = path.join(folder, "a.yml");
      writeFileSync(file, text);
      const script = path.join(import.meta.dirname, "../support/lint-workflows.ts");
      return spawnSync(process.execPath, [script, file], { encoding: "utf8" });
    };
    try {
      expect(lint(sound)).toMatchObject({ status: 0, stderr: "" });
      expect(lint(sound.replace("contents: read", "contents: all"))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("a.yml:9:30: "),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
