import { describe, expect, test } from "bun:test";
import { BundleTree, bundleNames } from "../../src/core/bundle-tree.ts";
import type { TarEntry } from "../../src/core/tar-reader.ts";
import { refusal } from "../support/tar-reading.ts";

const file = (path: string, sizeBytes = 1): TarEntry => ({ kind: "file", path, sizeBytes });
const directory = (path: string): TarEntry => ({ kind: "directory", path });
const symlink = (path: string, target: string): TarEntry => ({ kind: "symlink", path, target });

/** Why a bundle with these entries under a `modules` directory is refused, if it is. */
function refused(...entries: readonly TarEntry[]): string | undefined {
  return refusedBare(file("vmlinux"), directory("modules"), ...entries);
}

function refusedBare(...entries: readonly TarEntry[]): string | undefined {
  return refusal("unsafe-archive", () => {
    const tree = new BundleTree();
    for (const entry of entries) tree.add(entry);
    tree.finish();
  });
}

/** Directories below `modules`, one in the other, down to this level. */
const chain = (levels: number) =>
  Array.from({ length: levels - 1 }, (_, index) => directory(`modules${"/d".repeat(index + 1)}`));

describe("names", () => {
  test.each([
    ["absolute", "/etc/passwd"],
    ["absolute with two slashes", "//etc"],
    ["climbing", "../x"],
    ["climbing inside", "modules/../../x"],
    ["climbing without leaving", "modules/../vmlinux"],
    ["led by a dot", "./vmlinux"],
    ["only a dot", "."],
    ["only two dots", ".."],
    ["with a dot inside", "modules/./x"],
    ["empty", ""],
    ["with an empty component", "modules//x"],
    ["with a trailing slash", "modules/x/"],
    ["with a backslash", String.raw`modules\x`],
    ["with a NUL", "modules/x\0y"],
    ["with a newline", "modules/x\n"],
    ["with an escape", "modules/\x1b[2J"],
    ["with a DEL", "modules/\x7f"],
    ["with UTF-8 bytes", "modules/\xc3\xa9"],
    ["with a character beyond Latin-1", "modules/\u202e"],
  ])("that are %s are refused for a file, a directory and a symlink", (_, path) => {
    expect(refused(file(path))).toBeString();
    expect(refused(directory(path))).toBeString();
    expect(refused(symlink(path, "x"))).toBeString();
  });

  test("may hold every other printable character, also three dots", () => {
    const odd = String.fromCharCode(
      ...Array.from({ length: 95 }, (_, index) => 0x20 + index).filter(
        (code) => code !== 0x2f && code !== 0x5c,
      ),
    );
    expect(refused(file(`modules/${odd}`), file("modules/..."), file("modules/..a"))).toBe(
      undefined,
    );
  });

  test("have components of at most 255 bytes", () => {
    expect(refused(file(`modules/${"n".repeat(255)}`))).toBeUndefined();
    expect(refused(file(`modules/${"n".repeat(256)}`))).toContain("component of 256 bytes");
  });

  test("have at most 64 levels", () => {
    expect(refused(...chain(64))).toBeUndefined();
    expect(refused(...chain(65))).toContain("65 levels deep");
  });

  test("have at most 2048 bytes", () => {
    const part = "n".repeat(251);
    const parents = Array.from({ length: 8 }, (_, index) =>
      directory(`modules${`/${part}`.repeat(index + 1)}`),
    );
    const longest = parents.at(-1)?.path ?? "";
    expect(refused(...parents, file(`${longest}/${"n".repeat(2047 - longest.length)}`))).toBe(
      undefined,
    );
    expect(refused(...parents, file(`${longest}/${"n".repeat(2048 - longest.length)}`))).toContain(
      "2049 bytes, expected at most 2048",
    );
  });
});

describe("the tree", () => {
  test("needs the parent first", () => {
    expect(refused(file("modules/a/b"))).toContain('"modules/a", which has no entry before it');
    expect(refusedBare(file("modules/a"), directory("modules"))).toContain("no entry before it");
  });

  test("needs the parent to be a directory: nothing is written through a link", () => {
    expect(refused(symlink("modules/a", "."), file("modules/a/b"))).toContain("is a symlink");
    expect(refused(file("modules/a"), file("modules/a/b"))).toContain("is a file");
    const links = [symlink("modules/a", "."), symlink("modules/b", "a")];
    expect(refused(...links, file("modules/b/c"))).toContain("is a symlink");
  });

  test("refuses duplicates of any two kinds", () => {
    const kinds = [file("modules/a"), directory("modules/a"), symlink("modules/a", ".")];
    for (const first of kinds) {
      for (const second of kinds) expect(refused(first, second)).toContain("twice");
    }
    expect(refused(file("vmlinux"))).toContain("twice");
    expect(refused(directory("modules"))).toContain("twice");
  });

  test("keeps names apart that differ in case", () => {
    expect(refused(file("modules/xt_dscp.ko"), file("modules/xt_DSCP.ko"))).toBeUndefined();
  });

  test("takes names that objects in JavaScript already have", () => {
    expect(refused(directory("modules/__proto__"), file("modules/__proto__/constructor"))).toBe(
      undefined,
    );
    expect(refused(symlink("modules/a", "__proto__"))).toContain("leads nowhere");
  });

  test("has at most 100,000 entries", () => {
    const files = Array.from({ length: 99_998 }, (_, index) => file(`modules/${index}`));
    expect(refused(...files)).toBeUndefined();
    expect(refused(...files, file("modules/last"))).toContain("more than 100000 entries");
  });
});

describe("the top level", () => {
  test("may hold all five names, each of its kind", () => {
    const { kernel, initrd, modules, config, provenance } = bundleNames;
    const files = [kernel, initrd, config, provenance].map((name) => file(name));
    expect(refusedBare(...files, directory(modules))).toBeUndefined();
    expect(refusedBare(file(kernel))).toBeUndefined();
  });

  test.each(["README", "vmlinuz", "VMLINUX", "modules2", ".lock", "manifest.json", "__proto__"])(
    "may not hold %s",
    (name) => {
      expect(refused(file(name))).toContain(`top-level entry is "${name}"`);
      expect(refused(directory(name))).toContain(`top-level entry is "${name}"`);
    },
  );

  test("refuses its names for other kinds", () => {
    for (const name of ["vmlinux", "initrd.img", "kernel.config", "provenance.json"]) {
      expect(refusedBare(directory(name))).toContain("is a directory, expected a file");
      expect(refusedBare(symlink(name, "vmlinux"))).toContain("is a symlink, expected a file");
    }
    expect(refusedBare(file("modules"))).toContain("is a file, expected a directory");
    expect(refusedBare(symlink("modules", "."))).toContain("is a symlink, expected a directory");
  });

  test("needs a vmlinux that is not empty", () => {
    expect(refusedBare()).toContain('no "vmlinux"');
    expect(refusedBare(directory("modules"), file("modules/vmlinux"))).toContain('no "vmlinux"');
    expect(refusedBare(file("vmlinux", 0))).toContain("is empty");
    expect(refusedBare(file("vmlinux"), file("initrd.img", 0))).toBeUndefined();
  });
});
