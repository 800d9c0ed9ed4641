/** Faults 4 to 6: kinds, duplicates and headers. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleTar, PullMachine, testRefusals } from "../support/bad-pull.ts";
import { snapshotOf } from "../support/snapshot.ts";
import {
  type TarFields,
  bytes,
  gnuMagic,
  tarDirectory,
  tarFile,
  tarPax,
  tarRaw,
  tarSymlink,
} from "../support/tar-builder.ts";

const link = (name: string, target: string) => tarSymlink(`modules/${name}`, target);
const file = (name: string, content: string | Uint8Array = "x", overrides: TarFields = {}) =>
  tarFile(`modules/${name}`, content, overrides);

/** An entry of this type at modules/x, with nothing else about it that is wrong. */
const typed = (type: string, more: TarFields = {}) =>
  bundleTar(tarRaw({ name: "modules/x", type, ...more }));

testRefusals(4, [
  {
    name: "a hard link to a file of the archive",
    says: '"modules/x" is a hard link, expected a file, directory or symlink',
    make: () => typed("1", { linkName: "vmlinux" }),
  },
  {
    name: "a hard link to a file outside",
    says: '"modules/x" is a hard link',
    make: ({ canary }) => typed("1", { linkName: canary }),
  },
  {
    name: "a character device",
    says: '"modules/x" is a character device',
    make: () => typed("3", { devMajor: 1, devMinor: 3 }),
  },
  {
    name: "a block device",
    says: '"modules/x" is a block device',
    make: () => typed("4", { devMajor: 7, devMinor: 0 }),
  },
  { name: "a FIFO", says: '"modules/x" is a FIFO', make: () => typed("6") },
  {
    name: "a contiguous file",
    says: '"modules/x" is a contiguous file',
    make: () => typed("7"),
  },
  {
    name: "a GNU sparse file",
    says: '"modules/x" is a GNU sparse file',
    make: () => typed("S", { magic: "ustar ", version: " \0" }),
  },
  {
    name: "a sparse file by its pax header",
    says: 'pax key is "GNU.sparse.major", expected path, linkpath, size or mtime',
    make: () => bundleTar(tarPax([["GNU.sparse.major", "1"]]), file("x")),
  },
  {
    name: "a global pax header",
    says: "is a global pax header",
    make: () => bundleTar(tarPax([["path", "modules/y"]], { type: "g" }), file("x")),
  },
  {
    name: "a GNU long name",
    says: "is a GNU long name",
    make: () => bundleTar(tarFile("././@LongLink", "modules/y\0", { type: "L" }), file("x")),
  },
  {
    name: "an entry of an unknown type",
    says: '"modules/x" is of unknown type "Z"',
    make: () => typed("Z"),
  },
]);

testRefusals(5, [
  {
    name: "a file that comes twice",
    says: '"modules/x" is in the archive twice',
    make: () => bundleTar(file("x", "one"), file("x", "two")),
  },
  {
    name: "a second vmlinux",
    says: '"vmlinux" is in the archive twice',
    make: () => bundleTar(tarFile("vmlinux", "evil")),
  },
  {
    name: "a folder that comes twice",
    says: '"modules" is in the archive twice',
    make: () => bundleTar(tarDirectory("modules")),
  },
  {
    name: "a folder in the place of a file",
    says: '"modules/x" is in the archive twice',
    make: () => bundleTar(file("x"), tarDirectory("modules/x")),
  },
  {
    name: "a file in the place of a folder",
    says: '"modules/x" is in the archive twice',
    make: () => bundleTar(tarDirectory("modules/x"), file("x")),
  },
  {
    name: "a file within a file",
    says: '"modules/x/y" lies in "modules/x", which is a file, expected a directory',
    make: () => bundleTar(file("x"), file("x/y")),
  },
  {
    name: "a file in a folder that has no entry",
    says: '"modules/x/y" lies in "modules/x", which has no entry before it',
    make: () => bundleTar(file("x/y")),
  },
]);

test.concurrent("row 5: names that differ in case only are two files", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: bundleTar(file("xt_dscp.ko", "match"), file("xt_DSCP.ko", "target")) });
  await machine.expectInstalled(5, "xt_dscp.ko beside xt_DSCP.ko");
  expect(readFileSync(join(machine.kernel, "modules/xt_dscp.ko"), "utf8")).toBe("match");
  expect(readFileSync(join(machine.kernel, "modules/xt_DSCP.ko"), "utf8")).toBe("target");
});

const numbered = (size: string) => bundleTar(tarRaw({ name: "modules/x", size }));

testRefusals(6, [
  {
    name: "a negative size",
    says: 'size is "-0000000001\\x00", expected octal digits',
    make: () => numbered("-0000000001\0"),
  },
  {
    name: "a negative size in base 256",
    says: "size is in base 256, expected octal digits",
    make: () => numbered("\xff".repeat(12)),
  },
  {
    name: "a size over 2^64",
    says: "size is in base 256, expected octal digits",
    make: () => numbered(`\x80\0\0${"\xff".repeat(9)}`),
  },
  {
    name: "a size that fills its field to the last digit",
    says: 'size is "777777777777", expected octal digits and a terminator',
    make: () => numbered("777777777777"),
  },
  {
    name: "a file that is larger than its archive",
    says: "archive is cut at byte",
    make: () => numbered("77777777777\0"),
  },
  {
    name: "a wrong checksum",
    says: "header checksum is 1, expected",
    make: () => bundleTar(tarRaw({ name: "modules/x", checksum: 1 })),
  },
  {
    name: "a folder with a size, which hides the next entry",
    says: '"modules/x/" is a directory with a size of 512 bytes',
    make: () => bundleTar(tarDirectory("modules/x", { size: 512 }), file("y")),
  },
  {
    name: "a pax size that hides the next entry",
    says: '"modules/x" is a file of 0 bytes by its header and of 512 bytes by its pax header',
    make: () => bundleTar(tarPax([["size", "512"]]), file("x", ""), file("y", "")),
  },
  {
    name: "a pax size that shows what the header hides",
    says: '"modules/x" is a file of 512 bytes by its header and of 0 bytes by its pax header',
    make: () => bundleTar(tarPax([["size", "0"]]), file("x", tarRaw({ name: "../y" }))),
  },
  {
    name: "a pax size of 2^64",
    says: 'pax size is "18446744073709551616", expected decimal digits below 2^53',
    make: () => bundleTar(tarPax([["size", "18446744073709551616"]]), file("x")),
  },
  {
    name: "a pax record that is longer than its header",
    says: "pax record is 999 bytes, but only",
    make: () => bundleTar(tarPax("999 path=modules/y\n"), file("x")),
  },
  {
    name: "a pax record that ends before it should",
    says: "does not end in a newline",
    make: () => bundleTar(tarPax("10 path=modules/y\n"), file("x")),
  },
  {
    name: "a pax name that comes twice",
    says: 'pax key "path" comes twice',
    make: () =>
      bundleTar(
        tarPax([
          ["path", "modules/y"],
          ["path", "../y"],
        ]),
        file("x"),
      ),
  },
  {
    name: "a pax name that is empty",
    says: 'pax path is "", expected a name',
    make: () => bundleTar(tarPax([["path", ""]]), file("x")),
  },
  {
    name: "a pax header after a pax header",
    says: "pax header comes after a pax header",
    make: () =>
      bundleTar(tarPax([["path", "modules/y"]]), tarPax([["path", "modules/z"]]), file("x")),
  },
  {
    name: "a pax header with no entry after it",
    says: "pax header has no entry after it",
    make: () => bundleTar(tarPax([["path", "modules/y"]])),
  },
  {
    name: "a pax header of 1 MiB",
    says: "pax header is 1048576 bytes, expected at most 65536",
    make: () => bundleTar(tarPax(new Uint8Array(1 << 20)), file("x")),
  },
  {
    name: "a header hidden in the padding of a file",
    says: "padding after the content is not zero",
    make: () => bundleTar(tarRaw({ name: "modules/x", size: 1 }), bytes("xy".padEnd(512, "\0"))),
  },
]);

test.concurrent("row 6: what is installed is what GNU tar unpacks", async () => {
  await using machine = await PullMachine.start();
  const tar = bundleTar(
    tarFile("kernel.config", "", gnuMagic),
    tarPax([["mtime", "1700000000.5"]]),
    tarDirectory("modules/d"),
    tarPax([["path", `modules/d/${"n".repeat(200)}`]]),
    file("short", "x".repeat(513)),
    tarRaw({ name: "no-slash", prefix: "modules", type: "5", mode: 0o755 }),
    tarPax([["linkpath", "../".repeat(2) + "modules/d"]]),
    link("d/link", "short"),
    file("no-slash/old", "y".repeat(512), { type: "\0" }),
    tarPax([["size", "3"]]),
    file("sized", "abc"),
  );
  machine.offer({ tar });
  await machine.expectInstalled(6, "pax headers that agree with what follows");
  const unpacked = mkdtempSync(join(machine.folder, "gnu-tar-"));
  const gnuTar = spawnSync("tar", ["-xf", "-", "-C", unpacked], { input: tar, encoding: "utf8" });
  expect([gnuTar.status, gnuTar.stderr]).toEqual([0, ""]);
  expect(snapshotOf(machine.kernel, { leaveOut: /^manifest\.json$/ })).toEqual(
    snapshotOf(unpacked),
  );
});
