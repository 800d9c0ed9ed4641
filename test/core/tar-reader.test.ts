import { describe, expect, test } from "bun:test";
import { TarReader } from "../../src/core/tar-reader.ts";
import {
  bytes,
  concat,
  gnuMagic,
  tarBundle,
  tarDirectory,
  tarEnd,
  tarFile,
  tarPax,
  tarRaw,
  tarSymlink,
} from "../support/tar-builder.ts";
import { gnuTarList, ourList, readTar, refusal, tarRefusal } from "../support/tar-reading.ts";

const longName = `modules/${"n".repeat(200)}`;

/** One of everything that is accepted. */
const everything = tarBundle(
  tarFile("kernel.config", "", gnuMagic),
  tarPax([["mtime", "4102444800.5"]]),
  tarDirectory("modules", { mode: 0, uid: 0o7777777, uname: "eve", mtime: 0o77777777777 }),
  tarPax([["path", longName]]),
  tarFile("short", "x".repeat(513), { mode: 0o7777 }),
  tarRaw({ name: "no-slash", prefix: "modules", type: "5" }),
  tarPax([["linkpath", "./".repeat(80) + "."]]),
  tarSymlink("modules/no-slash/link", "short"),
  tarFile("modules/no-slash/old", "y".repeat(512), { type: "\0" }),
);

const text = (content: Uint8Array) => Buffer.from(content).toString("latin1");

describe("an archive is read", () => {
  test("with all entries in order, and their contents", () => {
    const read = readTar(everything).map(({ entry, content }) => ({
      ...entry,
      text: text(content),
    }));
    expect(read).toEqual([
      { kind: "file", path: "vmlinux", sizeBytes: 6, text: "kernel" },
      { kind: "file", path: "kernel.config", sizeBytes: 0, text: "" },
      { kind: "directory", path: "modules", text: "" },
      { kind: "file", path: longName, sizeBytes: 513, text: "x".repeat(513) },
      { kind: "directory", path: "modules/no-slash", text: "" },
      { kind: "symlink", path: "modules/no-slash/link", target: `${"./".repeat(80)}.`, text: "" },
      { kind: "file", path: "modules/no-slash/old", sizeBytes: 512, text: "y".repeat(512) },
    ]);
  });

  test("to the same end in chunks of every size", () => {
    const whole = readTar(everything);
    for (let size = 1; size <= 1030; size += 1) expect(readTar(everything, size)).toEqual(whole);
  });

  test("to the same end when it is split in two at every byte", () => {
    const whole = ourList(everything).length;
    for (let cut = 0; cut <= everything.length; cut += 1) {
      let entries = 0;
      const reader = new TarReader({ entry: () => (entries += 1), data() {}, endOfFile() {} });
      reader.push(everything.subarray(0, cut));
      reader.push(everything.subarray(cut));
      reader.end();
      expect(entries).toBe(whole);
    }
  });

  test("without copying contents", () => {
    const archive = tarBundle(tarFile("initrd.img", new Uint8Array(100_000)));
    const reader = new TarReader({
      entry() {},
      data: (chunk) => expect(chunk.buffer).toBe(archive.buffer),
      endOfFile() {},
    });
    reader.push(archive);
    reader.end();
    expect.assertions(2);
  });

  test("with any number of zero blocks after the two that end it", () => {
    for (const blocks of [0, 1, 18, 1000]) {
      expect(tarRefusal(concat(everything, tarEnd(blocks)))).toBeUndefined();
    }
  });

  test("as GNU tar reads it", () => {
    expect(gnuTarList(everything)).toEqual({ lines: ourList(everything), stderr: "" });
  });
});

describe("an archive is refused", () => {
  test("when it is cut, at every 512-byte boundary and around it", () => {
    for (let end = 0; end < everything.length; end += 512) {
      for (const cut of [end, end + 1, end + 511]) {
        expect(tarRefusal(everything.subarray(0, cut))).toMatch(/ends at byte|is cut at byte/);
      }
    }
  });

  test("when its end blocks are missing, or only one, or not whole", () => {
    const open = tarFile("vmlinux", "kernel");
    expect(tarRefusal(open)).toContain("without two end-of-archive blocks");
    expect(tarRefusal(concat(open, tarEnd(1)))).toContain("without two end-of-archive blocks");
    expect(tarRefusal(concat(open, tarEnd(), new Uint8Array(100)))).toContain("is cut");
  });

  test("when anything follows its end", () => {
    expect(tarRefusal(concat(everything, bytes("x")))).toContain("after its end-of-archive");
    expect(tarRefusal(concat(everything, tarEnd(), everything))).toContain("after its end");
    const lone = concat(tarFile("vmlinux", "k"), tarEnd(1), tarDirectory("modules"), tarEnd());
    expect(tarRefusal(lone)).toContain("goes on after an end-of-archive block");
  });

  test("when it is empty, or all zero", () => {
    expect(tarRefusal(new Uint8Array(0))).toContain("ends at byte 0");
    expect(tarRefusal(tarEnd())).toContain('no "vmlinux"');
  });

  test("when the padding of a file or a pax header is not zero", () => {
    const bundle = tarBundle();
    bundle[512 + 511] = 1;
    expect(tarRefusal(bundle)).toContain("padding");
    const pax = tarPax([["path", "modules"]]);
    pax[1023] = 1;
    expect(tarRefusal(tarBundle(pax, tarDirectory("x")))).toContain("padding");
  });

  test.each(["1", "3", "4", "6", "7", "g", "S", "L", "K", "Z"])(
    "for an entry of type %s",
    (type) => {
      expect(tarRefusal(tarBundle(tarFile("initrd.img", "x", { type })))).toMatch(
        /tar header at byte 1024: "initrd.img" is (a|of) /,
      );
    },
  );

  test("for a hard link, which has a target and no content", () => {
    const link = tarRaw({ name: "initrd.img", type: "1", linkName: "vmlinux" });
    expect(tarRefusal(tarBundle(link))).toContain("a hard link");
  });

  test.each([
    "/vmlinux",
    "//x",
    "../x",
    "a/../../x",
    "./vmlinux",
    "./",
    "",
    "modules/x/",
    String.raw`modules\x`,
    "modules/\xff",
  ])("for a file called %j, also by a pax header", (name) => {
    expect(tarRefusal(tarBundle(tarFile(name, "x")))).toBeString();
    const renamed = tarBundle(tarPax([["path", name]]), tarFile("initrd.img", "x"));
    expect(tarRefusal(renamed)).toBeString();
  });

  test("for a directory with two slashes after its name, or nothing but a slash", () => {
    expect(tarRefusal(tarBundle(tarDirectory("modules/")))).toContain("empty component");
    expect(tarRefusal(tarBundle(tarDirectory("")))).toContain("is empty");
    expect(tarRefusal(tarBundle(tarDirectory(".")))).toBeString();
  });

  test("for an entry under a symlink, and for a bad link that nothing uses", () => {
    const through = [
      tarDirectory("modules"),
      tarSymlink("modules/l", "."),
      tarFile("modules/l/x", "x"),
    ];
    expect(tarRefusal(tarBundle(...through))).toContain("is a symlink");
    for (const target of ["../../x", "/etc", "nothing", "l", ""]) {
      const bundle = tarBundle(tarDirectory("modules"), tarSymlink("modules/l", target));
      expect(tarRefusal(bundle)).toBeString();
    }
  });

  test("for a pax header that has no entry after it", () => {
    const pax = tarPax([["mtime", "1"]]);
    expect(tarRefusal(tarBundle(pax))).toContain("no entry after it");
    expect(tarRefusal(concat(tarFile("vmlinux", "k"), pax))).toContain("is cut");
  });

  test("for two pax headers in a row", () => {
    const bundle = tarBundle(
      tarPax([["mtime", "1"]]),
      tarPax([["path", "modules"]]),
      tarDirectory("x"),
    );
    expect(tarRefusal(bundle)).toContain("tar header at byte 2048: pax header comes after");
  });

  test("for a pax header that is empty or over 64 KiB, before it is read", () => {
    expect(tarRefusal(tarBundle(tarPax("")))).toContain("pax header is empty");
    const announced = concat(tarFile("vmlinux", "k"), tarRaw({ type: "x", size: 65_537 }));
    expect(tarRefusal(announced)).toContain("65537 bytes, expected at most 65536");
  });

  test("for a pax size that would hide the next entry", () => {
    const hiding = tarBundle(
      tarPax([["size", "512"]]),
      tarFile("initrd.img", ""),
      tarFile("kernel.config", ""),
    );
    expect(tarRefusal(hiding)).toContain("of 0 bytes by its header and of 512 bytes by its pax");
  });

  test("for a pax header that a second entry would need", () => {
    const once = [tarPax([["path", "modules"]]), tarDirectory("x"), tarDirectory("x")];
    expect(tarRefusal(tarBundle(...once))).toContain('top-level entry is "x"');
  });

  test("for the same reason in chunks of every size", () => {
    const bad = tarBundle(tarPax([["uid", "1"]]), tarFile("initrd.img", "x"));
    const reason = tarRefusal(bad);
    expect(reason).toContain('tar header at byte 1024: pax key is "uid"');
    for (let size = 1; size <= 1030; size += 1) expect(tarRefusal(bad, size)).toBe(reason);
  });
});

describe("a reader", () => {
  const silent = { entry() {}, data() {}, endOfFile() {} };

  test("is of no use after a refusal: what follows cannot make it good", () => {
    const reader = new TarReader(silent);
    const push = () => reader.push(tarRaw({ name: "/vmlinux", size: 1 }));
    expect(refusal("unsafe-archive", push)).toContain("absolute");
    expect(() => reader.push(tarBundle())).toThrow("after its end or a refusal");
    expect(() => reader.end()).toThrow("after its end or a refusal");
  });

  test("lets the sink's own error through as it is", () => {
    const full = new Error("disk full");
    const entry = (): never => {
      throw full;
    };
    const reader = new TarReader({ ...silent, entry });
    expect(() => reader.push(tarBundle())).toThrow(full);
  });

  test("hands on nothing of an entry that it refuses", () => {
    const seen: string[] = [];
    const reader = new TarReader({ ...silent, entry: ({ path }) => void seen.push(path) });
    const bundle = tarBundle(tarFile("../x", "x"), tarFile("initrd.img", "x"));
    expect(refusal("unsafe-archive", () => reader.push(bundle))).toContain('".."');
    expect(seen).toEqual(["vmlinux"]);
  });
});
