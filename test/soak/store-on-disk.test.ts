/** That a look at a store, at processes and at locks misses nothing: what it finds where something was spoilt. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { requireExit } from "../support/answers.ts";
import { RunningChild } from "../support/child.ts";
import { Sandbox } from "../support/sandbox.ts";
import { locksOn, processesWith } from "./leaks.ts";
import { Stock } from "./stock.ts";
import { readStore, type StoreOnDisk } from "./store-on-disk.ts";

const slot = "modular-6.1";
const [older, newer] = ["6.1.1", "6.1.2"] as const;
const reference = `${slot}:x86_64`;

const sandbox = new Sandbox();
let stock: Stock | undefined;
let kept = "";

/** A store with a kernel, the one before it, and an image that is pinned to that. */
beforeAll(async () => {
  stock = new Stock(join(sandbox.work, "builds"), sandbox.mirror);
  sandbox.useMirrors();
  spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs.ext4"), "1M"]);
  const image = ["--name", "web", "--rootfs", "rootfs.ext4", "--kernel-ref", reference, "--pin"];
  for (const [serial, version] of [older, newer].entries()) {
    sandbox.writeCatalog([stock.find(slot, version).entry], { serial: serial + 1 });
    requireExit(await sandbox.banger(["kernel", "pull", reference]));
    if (version === older) requireExit(await sandbox.banger(["image", "register", ...image]));
  }
  kept = join(sandbox.folder, "kept");
  cpSync(sandbox.state, kept, { recursive: true, verbatimSymlinks: true });
}, 60_000);
afterAll(() => sandbox.dispose());

/** What is seen after this was done to the store. @param spoil gets the kernels folder */
function seen(spoil: (kernels: string, state: string) => void): StoreOnDisk {
  if (stock === undefined) throw new Error("there is a stock only in a test");
  const state = join(sandbox.folder, "spoilt");
  rmSync(state, { recursive: true, force: true });
  cpSync(kept, state, { recursive: true, verbatimSymlinks: true });
  spoil(join(state, "kernels"), state);
  return readStore(state, stock);
}

function treeOf(kernels: string, link: string): string {
  return join(kernels, readlinkSync(join(kernels, link)));
}

/** Puts another text, or nothing, in the place of the one pin. */
function spoilPin(text: string | undefined): (kernels: string) => void {
  return (kernels) => {
    const pins = join(kernels, ".pins");
    const [pin = ""] = readdirSync(pins);
    rmSync(join(pins, pin));
    if (text !== undefined) writeFileSync(join(pins, pin), text);
  };
}

test("a store that is well is seen as it is", () => {
  const { kernels, images, problems, leftovers } = seen(() => {});
  expect(kernels.get(slot)).toBe(`catalog ${newer}|catalog ${older}`);
  expect(kernels.get("small-6.18")).toBe("-|-");
  expect([...images]).toEqual([["web", `${slot} pinned`]]);
  expect([problems, leftovers]).toEqual([[], []]);
});

describe("a look finds", () => {
  const torn: readonly (readonly [string, (tree: string) => void])[] = [
    ["a kernel with a byte more", (tree) => appendFileSync(join(tree, "vmlinux"), "x")],
    [
      "a kernel without one of its modules",
      (tree) => rmSync(join(tree, `modules/${newer}/kernel/m7.ko`)),
    ],
    [
      "a kernel with an empty module",
      (tree) => writeFileSync(join(tree, `modules/${newer}/kernel/m7.ko`), ""),
    ],
    ["a kernel with a file too many", (tree) => writeFileSync(join(tree, "extra"), "x")],
    ["a kernel without a manifest", (tree) => rmSync(join(tree, "manifest.json"))],
    ["a kernel whose tree is not there", (tree) => rmSync(tree, { recursive: true })],
  ];
  for (const [what, spoil] of torn) {
    test(what, () => {
      const { kernels, problems } = seen((folder) => spoil(treeOf(folder, slot)));
      expect(problems.join()).toContain("torn: ");
      expect(kernels.get(slot)).toStartWith("torn: ");
    });
  }

  test("a kernel with the manifest of another build", () => {
    const { problems } = seen((folder) => {
      const [current, previous] = [
        treeOf(folder, slot),
        treeOf(join(folder, "."), `.previous/${slot}`),
      ];
      cpSync(join(previous, "manifest.json"), join(current, "manifest.json"));
    });
    expect(problems.join()).toContain(`torn: its manifest says ${slot} x86_64 ${older}`);
  });

  test("an image whose pin is gone, holds nothing, or is of another kernel", () => {
    const pin = { image: "web", kernel: { name: slot, arch: "x86_64" } };
    const other = { image: "web", kernel: { name: "small-6.18", arch: "x86_64" } };
    expect(seen(spoilPin(undefined)).problems.join()).toContain("has no pin");
    expect(seen(spoilPin(JSON.stringify(pin))).problems.join()).toContain("holds nothing");
    expect(seen(spoilPin(JSON.stringify({ ...pin, tree: "gone" }))).problems.join()).toContain(
      "torn: ",
    );
    expect(seen(spoilPin(JSON.stringify(other))).problems.join()).toContain(
      "its pin has small-6.18",
    );
    expect(seen(spoilPin("{")).problems.join()).toContain("is no pin");
  });

  test("a record that is none, and a name that nobody gave", () => {
    expect(
      seen((_, state) => writeFileSync(join(state, "images/db.json"), "")).problems.join(),
    ).toContain("the record of db");
    expect(seen((folder) => symlinkSync(".store/x", join(folder, "odd-1.0"))).problems).toEqual([
      "there is a odd-1.0",
    ]);
  });

  test("all that a command may leave only until the next one has cleared up", () => {
    const paths = [
      "kernels/.lock",
      "kernels/.locks/0a",
      "kernels/.parts/0a.part",
      "kernels/.staging/0123456789abcdef",
      "kernels/.trash/0123456789abcdef",
      "kernels/.previous/.tmp-0123456789abcdef",
      "images/.tmp-0123456789abcdef",
      "catalogs/.lock",
    ];
    const { leftovers } = seen((folder, state) => {
      for (const path of paths) {
        mkdirSync(join(state, path, ".."), { recursive: true });
        writeFileSync(join(state, path), "");
      }
      rmSync(join(folder, ".previous", slot));
      rmSync(join(state, "images/web.json"));
      cpSync(treeOf(folder, slot), join(folder, ".store/idle"), { recursive: true });
    });
    expect(leftovers.toSorted()).toEqual(
      [
        ...paths,
        "kernels/.store/idle, which nothing leads to",
        "the pin of web, which is no image",
      ].toSorted(),
    );
  });

  test("a process that is left, and the lock that it holds", async () => {
    const lock = join(sandbox.state, "held");
    expect(processesWith(`BANGER_STATE_DIR=${sandbox.state}`)).toEqual([]);
    const child = new RunningChild({
      file: "/usr/bin/flock",
      args: [lock, "sh", "-c", "echo locked; exec sleep 60"],
      env: sandbox.environment,
    });
    await child.waitForStdout(/locked/);
    expect(processesWith(`BANGER_STATE_DIR=${sandbox.state}`).join()).toContain("sleep 60");
    // Others have locks on this file system too.
    const isOurs = (line: string): boolean => line.includes(`:${statSync(lock).ino} `);
    expect(locksOn(sandbox.state).filter(isOurs)).toHaveLength(1);
    child.killGroup();
    await child.done;
    expect(locksOn(sandbox.state).filter(isOurs)).toEqual([]);
    expect(processesWith(`BANGER_STATE_DIR=${sandbox.state}`)).toEqual([]);
  });
});
