/** Row 20 of the table of faults: names that are none, for every command that takes a name. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordFault } from "../support/fault-table.ts";
import { Sandbox } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";

const bundles = new Sandbox();
const entry = bundles.bundle();
const superblock = new Uint8Array(65_536);
superblock.set([0x53, 0xef], 1024 + 56);

afterAll(() => bundles.dispose());

/** A machine with a kernel and an image. */
class Machine extends Sandbox {
  static async make(): Promise<Machine> {
    const machine = new Machine();
    machine.writeCatalog([entry]);
    machine.useMirrors(bundles.mirror);
    writeFileSync(rootfs(machine), superblock);
    const image = ["image", "register", "--name", "web", "--rootfs", rootfs(machine)];
    for (const args of [
      ["kernel", "pull", "generic-6.12"],
      [...image, "--kernel-ref", "generic-6.12"],
    ]) {
      expect(await machine.banger(args)).toMatchObject({ exitCode: 0 });
    }
    return machine;
  }

  /** Runs a command that shall find fault with its arguments before it does anything. */
  async expectUsage(args: readonly string[], wanted: RegExp, done: string): Promise<void> {
    const before = snapshotOf(this.folder);
    const run = await this.banger([...args, "--json"]);
    const { error } = JSON.parse(run.stdout);
    const message = expect.stringMatching(wanted);
    expect(error).toEqual({ code: "usage", message, hint: expect.stringMatching(/./) });
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/^banger: error: [^\p{Cc}\p{Cf}]+\nhint: [^\p{Cc}\p{Cf}]+\n$/u);
    expect(snapshotOf(this.folder)).toEqual(before);
    recordFault({ row: 20, done, exit: run.exitCode ?? "killed", code: error.code, store: "same" });
  }
}

function rootfs(machine: Machine): string {
  return join(machine.folder, "rootfs.ext4");
}

const names: Readonly<Record<string, string>> = {
  "two dots": "..",
  "one dot": ".",
  "two slashes": "a/b/c",
  "a way out": "generic-6.12/../../x",
  nothing: "",
  "a lock": ".lock",
  __proto__: "__proto__",
  "two dots within": "a..b",
  "an underscore": "generic-6.12_arm64",
  "a capital": "Generic-6.12",
  "a space": "a b",
  "a line break": "a\nb",
  "an escape sequence": "a\u001b[2Jb",
  "bidi text": "a\u202egnp.b",
  "another alphabet": "gеneric-6.12",
  "65 characters": "a".repeat(65),
  "300 characters": "a".repeat(300),
};

type Arguments = (name: string, machine: Machine) => readonly string[];
const imported = ["--from", "/nowhere", "--distro", "generic", "--arch", "x86_64"];
const register = (name: string, kernel: string, machine: Machine): string[] => [
  "image",
  "register",
  `--name=${name}`,
  `--kernel-ref=${kernel}`,
  `--rootfs=${rootfs(machine)}`,
];
const commands: Readonly<Record<string, Arguments>> = {
  "kernel pull": (name) => ["kernel", "pull", name],
  "kernel pull of several": (name) => ["kernel", "pull", "--force", "generic-6.12", name],
  "kernel pull --arch": (name) => ["kernel", "pull", "--arch", "arm64", name],
  "kernel show": (name) => ["kernel", "show", name],
  "kernel path": (name) => ["kernel", "path", name, "vmlinux"],
  "kernel verify": (name) => ["kernel", "verify", name],
  "kernel import": (name) => ["kernel", "import", name, ...imported],
  "kernel rm": (name) => ["kernel", "rm", "--yes", "--force", name],
  "kernel rm of several": (name) => ["kernel", "rm", "--yes", "--force", "generic-6.12", name],
  "kernel export": (name, { work }) => ["kernel", "export", name, join(work, "out")],
  "kernel rollback": (name) => ["kernel", "rollback", name],
  "image register --kernel-ref": (name, machine) => register("other", name, machine),
  "image register --name": (name, machine) => register(name, "generic-6.12", machine),
  "image show": (name) => ["image", "show", name],
  "image rm": (name) => ["image", "rm", "--yes", name],
  "image rm of several": (name) => ["image", "rm", "--yes", "web", name],
  "image config": (name) => ["image", "config", name],
};

/** These stand for all where a command has the same rule as another. */
const someNames = ["two dots", "a way out", "nothing", "a line break", "a capital"];
const withAllNames = ["kernel pull", "image register --name"];

for (const [command, argsFor] of Object.entries(commands)) {
  test.concurrent(`row 20: ${command} refuses names that are none`, async () => {
    await using machine = await Machine.make();
    const whats = withAllNames.includes(command) ? Object.keys(names) : someNames;
    for (const what of whats) {
      const name = names[what] ?? "";
      const wanted = /is not (an? (kernel|image) name|the name of a catalog)$/;
      await machine.expectUsage(argsFor(name, machine), wanted, `${command}: ${what}`);
    }
  });
}

test.concurrent("row 20: references that are none are refused", async () => {
  await using machine = await Machine.make();
  for (const [reference, wanted] of [
    ["generic-6.12:mips", /"mips" is not an architecture/],
    ["generic-6.12:", /"" is not an architecture/],
    ["generic-6.12:arm64:x", /more than one : or @/],
    ["generic-6.12@6.12.1@6.12.2", /more than one : or @/],
    ["generic-6.12@", /"" is not a kernel version/],
    ["generic-6.12@../x", /"\.\.\/x" is not a kernel version/],
    ["generic-6.12@sha256:abc", /sha256: wants 64 lower-case hexadecimal digits/],
    [":arm64", /"" is not a kernel name/],
  ] as const) {
    await machine.expectUsage(["kernel", "show", reference], wanted, `reference ${reference}`);
  }
});

test.concurrent("row 20: names that only look dangerous are names of no kernel", async () => {
  await using machine = await Machine.make();
  const before = snapshotOf(machine.folder);
  for (const name of ["constructor", "tostring", "a", "0", "a-.", "x".repeat(64)]) {
    const run = await machine.banger(["kernel", "pull", name, "--json"]);
    const message = expect.stringContaining(`the catalog has no kernel ${name} for `);
    expect(JSON.parse(run.stdout).error).toMatchObject({ code: "not-found", message });
    expect(run.exitCode).toBe(3);
    expect(snapshotOf(machine.folder)).toEqual(before);
  }
});
