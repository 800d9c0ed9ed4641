import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireExit } from "../support/answers.ts";
import { runChild } from "../support/child.ts";
import { bangerExecutable, Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
let programs = "";

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.useMirrors();
  const others = ["debian-6.1", "debian-6.12"].map((name) => sandbox.bundle({ name }));
  sandbox.writeCatalog([sandbox.bundle(), ...others]);
  requireExit(await sandbox.banger(["kernel", "pull", "generic-6.12", "debian-6.1"]));
  const rootfs = new Uint8Array(65_536);
  rootfs.set([0x53, 0xef], 1024 + 0x38);
  writeFileSync(join(sandbox.work, "rootfs"), rootfs);
  const words = ["image", "register", "--name", "webserver", "--rootfs", "rootfs"];
  requireExit(await sandbox.banger([...words, "--kernel-ref", "generic-6.12"]));
  programs = join(sandbox.folder, "programs");
  mkdirSync(programs);
  symlinkSync(bangerExecutable(), join(programs, "banger"));
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = requireExit(await sandbox.banger(["completion", shell]));
    writeFileSync(join(sandbox.work, shell), stdout);
  }
});
afterAll(() => sandbox.dispose());

// What readline does when TAB is pressed: it splits the line, and calls the function that `complete`
// names with the command, the word and the word before. `compopt` only works within readline itself.
const pressTab = `
source "$1" || exit 3
compopt() { :; }
COMP_LINE=$2 COMP_POINT=\${#2} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<< "\${2//:/ : }"
[[ $2 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
registered=$(complete -p banger)
[[ $registered =~ -F\\ ([^\\ ]+) ]] || exit 4
"\${BASH_REMATCH[1]}" banger "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "\${COMPREPLY[@]}"
`;

/** What a bare bash offers for a line, with nothing but the script of `banger completion bash`. */
async function tab(line: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const result = await runChild({
    file: "/bin/bash",
    args: ["--norc", "--noprofile", "-c", pressTab, "bash", join(sandbox.work, "bash"), line],
    env: { ...sandbox.environment, ...env, PATH: `${programs}:/usr/bin:/bin` },
    cwd: sandbox.work,
  });
  expect(requireExit(result).stderr).toBe("");
  return result.stdout.split("\n").filter((word) => word !== "");
}

describe("in a bare bash, TAB", () => {
  test.each<[string, readonly string[]]>([
    ["banger ker", ["kernel"]],
    ["banger kernel pu", ["pull"]],
    ["banger image ", ["register", "list", "show", "rm", "config", "boot"]],
    ["banger kernel pull gen", ["generic-6.12"]],
    ["banger kernel pull debian-6.1", ["debian-6.1", "debian-6.12"]],
    ["banger kernel show debian", ["debian-6.1"]],
    ["banger kernel rm debian-6.1 gen", ["generic-6.12"]],
    ["banger kernel verify ", ["generic-6.12", "debian-6.1"]],
    ["banger kernel check gen", ["generic-6.12"]],
    ["banger kernel diff debian-6.1 gen", ["generic-6.12"]],
    ["banger image show ", ["webserver"]],
    ["banger image config we", ["webserver"]],
    ["banger image register --kernel-ref gen", ["generic-6.12"]],
    ["banger mirror ", ["sync"]],
    ["banger mirror sync --entries debian", ["debian-6.1", "debian-6.12"]],
    ["banger kernel pull --fo", ["--force"]],
    ["banger kernel import ", []],
    ["banger kernel pull zzz", []],
    ["banger nonsense ", []],
  ])("after %j offers %j", async (line, offers) => {
    expect((await tab(line)).sort()).toEqual([...offers].sort());
  });

  test("offers nothing, and shows no error, when banger cannot read what it would offer", async () => {
    expect(await tab("banger kernel pull ", { BANGER_CATALOG: "/none" })).toEqual([]);
    expect(await tab("banger kernel show ", { BANGER_STATE_DIR: "/dev/null" })).toEqual([]);
    expect(await tab("banger kernel pull ", { BANGER_HTTP_TIMEOUT: "soon" })).toEqual([]);
  });

  test("runs nothing of what is typed", async () => {
    await tab("banger kernel show $(touch$IFS./touched)");
    await tab("banger kernel show `touch ./touched` ");
    expect(existsSync(join(sandbox.work, "touched"))).toBe(false);
  });
});

describe("the completion scripts", () => {
  test("can be sourced twice without a word, with or without nounset", async () => {
    const script = 'set -u; source "$1"; source "$1"; complete -p banger';
    const args = ["--norc", "--noprofile", "-c", script, "bash", join(sandbox.work, "bash")];
    const result = await runChild({ file: "/bin/bash", args, env: { PATH: "/usr/bin:/bin" } });
    expect(requireExit(result).stderr).toBe("");
    expect(result.stdout).toContain("banger");
  });

  test.each([
    ["bash", "-n"],
    ["zsh", "-n"],
    ["fish", "--no-execute"],
  ])("of %s is sound for %s, where that shell is installed", (shell, check) => {
    const { error, status, stderr } = spawnSync(shell, [check, join(sandbox.work, shell)], {
      encoding: "utf8",
    });
    if (error !== undefined && shell !== "bash") return;
    expect([status, stderr]).toEqual([0, ""]);
  });

  test.each(["bash", "zsh", "fish"])("of %s asks this very program", async (shell) => {
    const { stdout } = requireExit(await sandbox.banger(["completion", shell]));
    expect(stdout).toContain("banger complete -- ");
  });

  test("are wanted for a shell that is known", async () => {
    const { stderr } = requireExit(await sandbox.banger(["completion", "tcsh"]), 2);
    expect(stderr).toContain("hint: the shells are bash, zsh, fish");
  });
});
