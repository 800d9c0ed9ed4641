import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireExit } from "../support/answers.ts";
import { Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  sandbox.writeCatalog([sandbox.bundle()]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12"]));
});
afterAll(() => sandbox.dispose());

const commands = `
kernel list, kernel outdated, kernel pull, kernel show, kernel path, kernel verify,
kernel check, kernel boot, kernel diff, kernel extract, kernel import, kernel export, kernel rollback, kernel rm, kernel gc, image register, image list, image show,
image rm, image config, image boot, catalog update, catalog status, catalog show, catalog add, catalog list, catalog rm,
mirror sync, doctor, completion, kernel, image, catalog, mirror
`
  .trim()
  .split(/,\s+/);

describe("help", () => {
  test("of banger alone, of help and of --help is the same, on standard output, with exit 0", async () => {
    const texts = new Set<string>();
    for (const args of [[], ["help"], ["--help"], ["-h"]]) {
      const result = requireExit(await sandbox.banger(args));
      expect(result.stderr).toBe("");
      expect(result.stdout).toContain("banger kernel pull generic-6.12");
      texts.add(result.stdout);
    }
    expect(texts.size).toBe(1);
  });

  test.each(commands)("of %s is printed by --help and by help, with exit 0", async (command) => {
    const words = command.split(" ");
    const byFlag = requireExit(await sandbox.banger([...words, "--help"]));
    expect(byFlag.stdout).toMatch(new RegExp(`^Usage: banger ${command}(?:[|][a-z]+)? `));
    expect(byFlag.stderr).toBe("");
    const byCommand = requireExit(await sandbox.banger(["help", ...words]));
    expect(byCommand.stdout).toBe(byFlag.stdout);
  });

  test("names every command", async () => {
    for (const group of ["kernel", "image", "mirror"]) {
      const { stdout } = requireExit(await sandbox.banger(["help", group]));
      const named = [...stdout.matchAll(/^ {2}([a-z]+)(?:\|[a-z]+)? /gm)].map((match) => match[1]);
      const wanted = commands.filter((command) => command.startsWith(`${group} `));
      expect(named.map((name) => `${group} ${name ?? ""}`)).toEqual(wanted);
    }
  });

  test("of something that is no command is a usage error with a suggestion", async () => {
    const { stderr } = requireExit(await sandbox.banger(["help", "kernle"]), 2);
    expect(stderr).toMatch(/no command "kernle"\nhint: did you mean .*kernel\?/);
    requireExit(await sandbox.banger(["help", "kernel", "pulll"]), 2);
  });
});

describe("a typing error", () => {
  test.each<[string, number, string]>([
    ["kernle", 2, "did you mean banger kernel?"],
    ["kernel pul", 2, "did you mean banger kernel pull?"],
    ["kernel lsit", 2, "did you mean banger kernel list?"],
    ["image regster", 2, "did you mean banger image register?"],
    ["mirror snyc x", 2, "did you mean banger mirror sync?"],
    ["docter", 2, "did you mean banger doctor?"],
    ["kernel pull --forse generic-6.12", 2, "did you mean --force?"],
    ["kernel list --avaliable", 2, "did you mean --available?"],
    ["--jsno kernel list", 2, "did you mean --json?"],
    ["kernel show generik-6.12", 3, "did you mean generic-6.12?"],
    ["kernel show generic-6.1", 3, "did you mean generic-6.12?"],
    ["kernel pull generic-6.21", 3, "did you mean generic-6.12?"],
    ["kernel rm genric-6.12", 3, "did you mean generic-6.12?"],
    ["kernel verify gneric-6.12", 3, "did you mean generic-6.12?"],
  ])("%j exits with %d and gets: %s", async (line, exitCode, hint) => {
    const result = requireExit(await sandbox.banger(line.split(" ")), exitCode);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(`hint: ${hint}\n`);
  });

  test("that is the right name for another architecture does not get that name again", async () => {
    const { stderr } = requireExit(
      await sandbox.banger(["kernel", "show", "generic-6.12:arm64"]),
      3,
    );
    expect(stderr).not.toContain("did you mean generic-6.12?");
  });
});

describe("a command line that means nothing", () => {
  test.each<[string, string]>([
    ["kernel", "hint: see which there are: banger help kernel"],
    ["image", "hint: see which there are: banger help image"],
    ["zzzzzz", "hint: see which there are: banger help"],
    ["kernel zzzzzz", "hint: see which there are: banger help kernel"],
    ["help kernel pull zzzzzz", "hint: see which there are: banger help kernel pull"],
    ["kernel show", "missing required argument name"],
    ["kernel rm", "missing required argument name"],
    ["kernel import x", "required option --from"],
    ["image register --name x", "required option --rootfs"],
    ["kernel pull --arch", "argument missing"],
    ["kernel list --force", "unknown option --force"],
    ["kernel list extra", "too many arguments"],
    ["kernel show generic-6.12 extra", "too many arguments"],
    ["kernel path generic-6.12 vmlinux extra", "too many arguments"],
    ["kernel path generic-6.12 kernel", "is not a part of a kernel"],
    ["kernel gc generic-6.12", "too many arguments"],
    ["mirror", "hint: see which there are: banger help mirror"],
    ["mirror sync", "missing required argument folder"],
    ["mirror sync a b", "too many arguments"],
    ["mirror sync a --entries", "argument missing"],
    ["image list extra", "too many arguments"],
    ["doctor extra", "too many arguments"],
  ])("%j exits with 2 and says: %s", async (line, words) => {
    const before = sandbox.snapshot();
    const result = requireExit(await sandbox.banger(line.split(" ")), 2);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(words);
    expect(result.stderr).toStartWith("banger: error: ");
    expect(sandbox.snapshot()).toEqual(before);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ["BANGER_HTTP_TIMEOUT", { BANGER_HTTP_TIMEOUT: "soon" }],
    ["BANGER_HTTP_TIMEOUT", { BANGER_HTTP_TIMEOUT: "0" }],
    ["BANGER_HTTP_RETRIES", { BANGER_HTTP_RETRIES: "-1" }],
    ["BANGER_HTTP_RETRIES", { BANGER_HTTP_RETRIES: "101" }],
  ])("names the environment variable that is wrong: %s %j", async (name, env) => {
    const { stderr } = requireExit(await sandbox.banger(["kernel", "list"], { env }), 2);
    expect(stderr).toContain(`banger: error: ${name} is `);
  });

  test("an empty variable counts as unset", async () => {
    const env = { BANGER_HTTP_TIMEOUT: "", BANGER_HTTP_RETRIES: "", BANGER_KERNELS_DIR: "" };
    const { stdout } = requireExit(await sandbox.banger(["kernel", "list"], { env }));
    expect(stdout).toContain("generic-6.12");
  });
});

describe("the global flags", () => {
  test("may stand before and after the command", async () => {
    for (const args of [
      ["--json", "kernel", "list"],
      ["kernel", "--json", "list"],
      ["kernel", "list", "--json"],
    ]) {
      expect(requireExit(await sandbox.banger(args)).stdout).toStartWith("{\n");
    }
  });

  test("mean nothing after --, where a dash begins a name", async () => {
    const { stderr } = requireExit(await sandbox.banger(["kernel", "show", "--", "--json"]), 2);
    expect(stderr).toContain('"--json" is not a kernel name');
    requireExit(await sandbox.banger(["kernel", "show", "--", "generic-6.12"]));
  });

  test("--quiet leaves out notes, but neither data nor errors", async () => {
    const pulled = await sandbox.banger(["kernel", "pull", "-q", "--force", "generic-6.12"]);
    expect(requireExit(pulled)).toMatchObject({ stdout: "", stderr: "" });
    const listed = await sandbox.banger(["--quiet", "kernel", "list"]);
    expect(requireExit(listed).stdout).toContain("generic-6.12");
    const failed = await sandbox.banger(["-q", "kernel", "show", "nope-1.0"]);
    expect(requireExit(failed, 3).stderr).toContain("banger: error: ");
  });

  test("--verbose tells what led to an error", async () => {
    const bad = join(sandbox.work, "bad.json");
    writeFileSync(bad, "{");
    const env = { BANGER_CATALOG: bad };
    const plain = requireExit(await sandbox.banger(["kernel", "list"], { env }), 1);
    expect(plain.stderr).not.toContain("because:");
    const verbose = requireExit(await sandbox.banger(["kernel", "list", "-v"], { env }), 1);
    expect(verbose.stderr).toContain("because: ");
  });

  test("--version prints version, commit and date of the catalog, on one line", async () => {
    for (const flag of ["--version", "-V"]) {
      const { stdout } = requireExit(await sandbox.banger([flag]));
      expect(stdout).toMatch(
        /^banger \d+\.\d+\.\d+ \(\w+(?:-dirty)?\), catalog \d+ of \d{4}-\d\d-\d\d\n$/,
      );
    }
  });
});
