/** docs/formats/cli.md against the executable: every document, every key, every type. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError, type ErrorCode } from "../../src/core/errors.ts";
import { formatProvenance } from "../../src/core/provenance.ts";
import { documentOf, textAt, valueAt } from "../support/answers.ts";
import { buildFacts } from "../support/build-facts.ts";
import { type ChildResult, Sandbox, smallKernel } from "../support/sandbox.ts";

const documentation = readFileSync(join(import.meta.dir, "../../docs/formats/cli.md"), "utf8");

interface Key {
  readonly place: string;
  readonly types: readonly string[];
  readonly optional: boolean;
}

/** The rows of the table whose first column is called `column`, in the section under `heading`. */
function rowsOf(heading: string, column: string): readonly (readonly string[])[] {
  const section =
    documentation.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const lines = section.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${column} |`));
  if (start === -1) throw new Error(`docs/formats/cli.md has no table of ${column} in ${heading}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) => line.split("|").map((cell) => cell.trim()));
}

function keysOf(heading: string): readonly Key[] {
  return rowsOf(heading, "key").map(([, place = "", type = ""]) => ({
    place: place.replaceAll("`", ""),
    types: type.replace(", optional", "").split(" or "),
    optional: type.endsWith(", optional"),
  }));
}

const errorKeys = keysOf("Error document");

const isText: Readonly<Record<string, RegExp>> = {
  text: /[^]/,
  path: /^\/[^\0]*$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  sha256: /^[0-9a-f]{64}$/,
  version: /^\d+\.\d+(\.\d+)?(-[\w.+~-]+)?$/,
  arch: /^(x86_64|arm64)$/,
};

function isOfType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "boolean") return typeof value === "boolean";
  if (type === "integer") return Number.isSafeInteger(value) && Number(value) >= 0;
  if (type === "list") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (typeof value !== "string") return false;
  if (type.startsWith("text: ")) return type.slice(6).split(", ").includes(value);
  return isText[type]?.test(value) === true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How a document differs from its table; also notes in `seen` which keys it has. */
function* problems(
  value: unknown,
  keys: readonly Key[],
  seen: Set<string>,
  at = "",
): Generator<string, void> {
  if (!isObject(value)) {
    yield `${at} is no object`;
    return;
  }
  const children = keys.filter((key) => {
    const rest = key.place.startsWith(at) ? key.place.slice(at.length) : ".";
    return /^[^.[]+$/.test(rest);
  });
  const names = children.map((key) => key.place.slice(at.length));
  // A name of several that could not be done has only itself and its error.
  const isFailedName = at.endsWith("[].") && names.includes("error") && isObject(value["error"]);
  if (isFailedName && Object.keys(value).join() === "name,error") {
    yield* problems({ error: value["error"] }, errorKeys, new Set());
    return;
  }
  for (const name of Object.keys(value)) if (!names.includes(name)) yield `${at}${name} is unknown`;
  for (const { place, types, optional } of children) {
    const inner = value[place.slice(at.length)];
    if (inner === undefined) {
      if (!optional) yield `${place} is missing`;
      continue;
    }
    seen.add(place);
    if (!types.some((type) => isOfType(inner, type))) {
      yield `${place} is ${JSON.stringify(inner)}, expected ${types.join(" or ")}`;
    }
    const hasOwnKeys = (prefix: string): boolean =>
      keys.some((key) => key.place.startsWith(prefix));
    if (place.endsWith("error") && isObject(inner) && keys !== errorKeys) {
      yield* problems({ error: inner }, errorKeys, new Set());
    } else if (isObject(inner) && hasOwnKeys(`${place}.`)) {
      yield* problems(inner, keys, seen, `${place}.`);
    } else if (Array.isArray(inner) && hasOwnKeys(`${place}[].`)) {
      for (const element of inner) yield* problems(element, keys, seen, `${place}[].`);
    }
  }
}

const seenKeys = new Map<string, Set<string>>();

function check(command: string, result: ChildResult, exitCode = 0): unknown {
  const document = documentOf(result, exitCode);
  const seen = seenKeys.get(command) ?? new Set();
  seenKeys.set(command, seen);
  expect([...problems(document, keysOf(`\`banger ${command}\``), seen)]).toEqual([]);
  return document;
}

let sandbox: Sandbox;
const run = (...args: readonly string[]): Promise<ChildResult> =>
  sandbox.banger([...args, "--json"]);

const files = {
  vmlinux: smallKernel(),
  "initrd.img": "initrd",
  "modules/6.12.1/a.ko": "a",
  "modules/6.12.1/b.ko": { link: "a.ko" },
  "provenance.json": formatProvenance(buildFacts()),
};

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.writeCatalog([sandbox.bundle({ files }), sandbox.bundle({ arch: "arm64" })]);
  sandbox.useMirrors();
  writeFileSync(join(sandbox.work, "vmlinux"), smallKernel({ seed: "import" }));
  writeFileSync(join(sandbox.work, "rootfs"), "");
  truncateSync(join(sandbox.work, "rootfs"), 4_194_304);
  spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs")]);
});
afterAll(() => sandbox.dispose());

describe("with --json", () => {
  test("--version prints its document", async () => {
    check("--version", await run("--version"));
  });

  test("banger alone prints null, which is one document too", async () => {
    expect(documentOf(await run())).toBeNull();
  });

  test("kernel pull prints its document, also when one name of several fails", async () => {
    check("kernel pull", await run("kernel", "pull", "generic-6.12", "generic-6.12:arm64"));
    const mixed = check("kernel pull", await run("kernel", "pull", "nope-1.0", "generic-6.12"), 3);
    expect(mixed).toMatchObject({
      results: [{ name: "nope-1.0", error: { code: "not-found" } }, { outcome: "current" }],
      error: { code: "not-found" },
    });
  });

  test("kernel show prints its document, installed or not", async () => {
    check("kernel show", await run("kernel", "show", "generic-6.12"));
    const other = sandbox.bundle({ name: "debian-6.1", version: "6.1.9" });
    const catalog = sandbox.environment["BANGER_CATALOG"] ?? "";
    const before = readFileSync(catalog, "utf8");
    sandbox.writeCatalog([other]);
    check("kernel show", await run("kernel", "show", "debian-6.1"));
    writeFileSync(catalog, before);
  });

  test("kernel path prints its document", async () => {
    check("kernel path", await run("kernel", "path", "generic-6.12", "modules"));
  });

  test("kernel import, export and rollback print their documents", async () => {
    const words = ["kernel", "import", "mine-1.0", "--distro", "mine", "--arch", "x86_64"];
    check("kernel import", await run(...words, "--from", "vmlinux"));
    writeFileSync(join(sandbox.work, "vmlinux"), smallKernel({ seed: "second" }));
    check("kernel import", await run(...words, "--from", "vmlinux"));
    check("kernel rollback", await run("kernel", "rollback", "mine-1.0"));
    check("kernel export", await run("kernel", "export", "mine-1.0", "out"));
  });

  test("image register, list and show print their documents", async () => {
    const words = ["image", "register", "--rootfs", "rootfs", "--kernel-ref", "generic-6.12"];
    check("image register", await run(...words, "--name", "a"));
    check("image register", await run(...words, "--name", "b", "--pin", "--boot-args", "quiet"));
    check("image list", await run("image", "list"));
    check("image show", await run("image", "show", "b"));
  });

  test("image config prints what it prints without --json", async () => {
    check("image config", await run("image", "config", "a"));
    const words = ["image", "config", "a", "--tap", "tap0", "--mac", "06:00:ac:10:00:02"];
    const all = [...words, "--vsock-cid", "3", "--vsock-uds", "v.sock"];
    const document = check("image config", await run(...all));
    expect(documentOf(await sandbox.banger(all))).toEqual(document);
  });

  test("kernel verify prints its document, also of a damaged kernel", async () => {
    check("kernel verify", await run("kernel", "verify"));
    const shown = documentOf(await run("kernel", "path", "mine-1.0", "vmlinux"));
    writeFileSync(textAt(shown, "path"), "damage");
    const single = check("kernel verify", await run("kernel", "verify", "mine-1.0"), 4);
    expect(valueAt(single, "error.code")).toBe("verification-failed");
    expect(valueAt(single, "kernels.0.ok")).toBe(false);
    check("kernel verify", await run("kernel", "verify"), 4);
  });

  test("kernel list prints its documents, also of a kernel without a manifest", async () => {
    check("kernel list", await run("kernel", "list"));
    rmSync(join(sandbox.state, "kernels/mine-1.0/manifest.json"));
    const listed = check("kernel list", await run("kernel", "list"));
    expect(valueAt(listed, "kernels.2")).toMatchObject({ name: "mine-1.0", standing: "damaged" });
    check("kernel list --available", await run("kernel", "list", "--available", "--all-arch"));
  });

  test("kernel outdated prints its document, and gc too", async () => {
    sandbox.writeCatalog([sandbox.bundle({ version: "6.12.2" })], { serial: 2 });
    check("kernel outdated", await run("kernel", "outdated"), 7);
    const list = check("kernel list --available", await run("kernel", "list", "-a"));
    expect(valueAt(list, "entries.0.standing")).toBe("outdated");
    check("kernel pull", await run("kernel", "pull", "generic-6.12"));
    check("kernel outdated", await run("kernel", "outdated"));
    check("kernel pull", await run("kernel", "pull", "--force", "generic-6.12"));
    check("image rm", await run("image", "rm", "a", "b"));
    check("image rm", await run("image", "rm", "a", "b"), 3);
    check("kernel rm", await run("kernel", "rm", "generic-6.12", "nope-1.0"), 3);
    check("kernel rm", await run("kernel", "rm", "generic-6.12:arm64", "mine-1.0"));
    const parts = join(sandbox.state, "kernels/.parts");
    writeFileSync(join(parts, `${"a".repeat(64)}.part`), "x");
    check("kernel gc", await run("kernel", "gc", "--dry-run"));
    check("kernel gc", await run("kernel", "gc"));
  });

  test("doctor and completion print their documents", async () => {
    const doctor = await run("doctor");
    check("doctor", doctor, doctor.exitCode === 0 ? 0 : 7);
    check("completion", await run("completion", "bash"));
  });

  test("every key and every command of docs/formats/cli.md was met", () => {
    const commands = [...documentation.matchAll(/^## `banger (.*)`$/gm)].map((match) => match[1]);
    expect([...seenKeys.keys()].sort()).toEqual(commands.map(String).sort());
    for (const [command, seen] of seenKeys) {
      const places = keysOf(`\`banger ${command}\``).map((key) => key.place);
      expect([command, ...places.filter((place) => !seen.has(place))]).toEqual([command]);
    }
  });

  test.each<[ErrorCode, readonly string[]]>([
    ["usage", ["--bogus"]],
    ["usage", ["kernle"]],
    ["usage", ["kernel"]],
    ["usage", ["kernel", "pull", "../x"]],
    ["usage", ["kernel", "pull"]],
    ["usage", ["kernel", "import", "x"]],
    ["usage", ["completion", "tcsh"]],
    ["not-found", ["kernel", "pull", "nope-1.0"]],
    ["not-found", ["kernel", "show", "nope-1.0"]],
    ["not-found", ["kernel", "path", "nope-1.0"]],
    ["not-found", ["kernel", "verify", "nope-1.0"]],
    ["not-found", ["kernel", "rm", "nope-1.0"]],
    ["not-found", ["kernel", "export", "nope-1.0", "x"]],
    ["not-found", ["kernel", "rollback", "nope-1.0"]],
    ["not-found", ["image", "show", "nope"]],
    ["not-found", ["image", "rm", "nope"]],
    ["not-found", ["image", "config", "nope"]],
    ["io", ["image", "register", "--name", "a", "--rootfs", "none", "--kernel-ref", "nope-1.0"]],
  ])("an error is one document: %s of %j", async (code, args) => {
    const { exitCode } = new BangerError(code, "");
    const seen = new Set<string>();
    const document = documentOf(await run(...args), exitCode);
    expect([...problems(document, errorKeys, seen)]).toEqual([]);
    expect(textAt(document, "error.code")).toBe(code);
    const row = rowsOf("Exit codes", "exit").find((cells) => cells[2]?.includes(`\`${code}\``));
    expect(row?.[1]).toBe(String(exitCode));
  });
});
