/** Faults 1 to 3: names that lead outside, and links. */
import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { bundleTar, PullMachine, testRefusals } from "../support/bad-pull.ts";
import { tarDirectory, tarFile, tarPax, tarRaw, tarSymlink } from "../support/tar-builder.ts";

const link = (name: string, target: string) => tarSymlink(`modules/${name}`, target);
const file = (name: string, content: string | Uint8Array = "x") =>
  tarFile(`modules/${name}`, content);

/** An archive that is right but for one file of this name. */
const named = (name: string) => bundleTar(tarFile(name, "x"));

/** Links l1 … lN in modules/, of which each leads to the one before; l0 is a file. */
const chain = (length: number) => [
  file("l0"),
  ...Array.from({ length }, (_, index) => link(`l${index + 1}`, `l${index}`)),
];

/** A target of twice as many bytes and one, which leads to where the link is. */
const windingTarget = (slashes: number) => `${"./".repeat(slashes)}.`;

// From the staged tree four levels up is the folder that the canary's folder is in.
const outwards = "../../../../work/canary";

testRefusals(1, [
  {
    name: "an entry with an absolute name",
    says: '/work/canary" is absolute',
    make: ({ canary }) => named(canary),
  },
  {
    name: "an entry named //x",
    says: 'name "//vmlinux" is absolute',
    make: () => named("//vmlinux"),
  },
  {
    name: "an entry named ../x",
    says: `name "${outwards}" has a "." or ".." in it`,
    make: () => named(outwards),
  },
  {
    name: "an entry named a/../../x",
    says: `name "modules/../${outwards}" has a "." or ".." in it`,
    make: () => named(`modules/../${outwards}`),
  },
  {
    name: "an entry whose ../x stands in a pax header",
    says: `name "${outwards}" has a "." or ".." in it`,
    make: () => bundleTar(tarPax([["path", outwards]]), file("harmless")),
  },
  {
    name: "an entry whose name is made of a prefix and /..",
    says: 'name "modules/../kernel.config" has a "." or ".." in it',
    make: () => bundleTar(tarRaw({ prefix: "modules", name: "../kernel.config" })),
  },
  {
    name: "an entry named ./x",
    says: 'name "./kernel.config" has a "." or ".." in it',
    make: () => named("./kernel.config"),
  },
  {
    name: "an entry named ./",
    says: 'name "." has a "." or ".." in it',
    make: () => bundleTar(tarDirectory(".")),
  },
  {
    name: "an entry without a name",
    says: 'name "" is empty',
    make: () => named(""),
  },
  {
    name: "a file whose name ends in a slash",
    says: 'name "modules/x/" has an empty component',
    make: () => named("modules/x/"),
  },
  {
    name: "an entry with a NUL within its name",
    says: 'name "modules/x" has bytes after its NUL',
    make: () => named("modules/x\0y"),
  },
  {
    name: "an entry with a NUL within its pax name",
    says: 'pax path is "modules/x\\x00y", expected a name',
    make: () => bundleTar(tarPax([["path", "modules/x\0y"]]), file("harmless")),
  },
  {
    name: "an entry with a backslash in its name",
    says: "has characters that are not printable ASCII, or a backslash",
    make: () => named("modules/..\\x"),
  },
  {
    name: "an entry with a letter outside of ASCII in its name",
    says: 'name "modules/\\xc3\\xa9" has characters that are not printable ASCII',
    make: () => named("modules/\xc3\xa9"),
  },
  {
    name: "an entry with an escape sequence in its name",
    says: 'name "modules/\\x1b[2J" has characters that are not printable ASCII',
    make: () => named("modules/\x1b[2J"),
  },
]);

testRefusals(2, [
  {
    name: "a file written through a link that leads outside",
    says: 'lies in "modules/l", which is a symlink, expected a directory',
    make: () => bundleTar(link("l", "../../../../../work"), file("l/canary")),
  },
  {
    name: "a file written through a link that stays inside",
    says: 'lies in "modules/l", which is a symlink, expected a directory',
    make: () => bundleTar(tarDirectory("modules/d"), link("l", "d"), file("l/x")),
  },
  {
    name: "a folder made through a link",
    says: 'lies in "modules/l", which is a symlink, expected a directory',
    make: () => bundleTar(link("l", ".."), tarDirectory("modules/l/x")),
  },
  {
    name: "a file written through a chain of links",
    says: 'lies in "modules/c", which is a symlink, expected a directory',
    make: () => bundleTar(link("a", ".."), link("b", "a/.."), link("c", "b/.."), file("c/x")),
  },
  {
    name: "a link made through a link",
    says: 'lies in "modules/a", which is a symlink, expected a directory',
    make: () => bundleTar(link("a", "."), link("a/b", "..")),
  },
  {
    name: "a file in the place of a link that leads outside",
    says: '"modules/l" is in the archive twice',
    make: () => bundleTar(link("l", `../${outwards}`), file("l")),
  },
]);

testRefusals(3, [
  {
    name: "a link that leaves the tree, with no file after it",
    says: `link "modules/l" to "../${outwards}" leads out of the archive`,
    make: () => bundleTar(link("l", `../${outwards}`)),
  },
  {
    name: "a link that leaves the tree and comes back",
    says: "leads out of the archive",
    make: () => bundleTar(link("l", "../../generic-6.12/vmlinux")),
  },
  {
    name: "a link to an absolute path",
    says: 'link "modules/l" is absolute',
    make: ({ canary }) => bundleTar(link("l", canary)),
  },
  {
    name: "a link that only leaves the tree if another is followed",
    says: 'link "modules/par" to "cur/../.." leads out of the archive',
    make: () => bundleTar(link("cur", "."), link("par", "cur/../..")),
  },
  {
    name: "a link that leaves the tree by its pax target",
    says: `link "modules/l" to "../${outwards}" leads out of the archive`,
    make: () => bundleTar(tarPax([["linkpath", `../${outwards}`]]), link("l", "../vmlinux")),
  },
  {
    name: "a link that leads to nothing",
    says: 'link "modules/l" to "missing" leads nowhere',
    make: () => bundleTar(link("l", "missing")),
  },
  {
    name: "a link without a target",
    says: 'of link "modules/l" is empty',
    make: () => bundleTar(link("l", "")),
  },
  {
    name: "a link that leads through a file",
    says: 'link "modules/l" to "../vmlinux/.." leads through a file',
    make: () => bundleTar(link("l", "../vmlinux/..")),
  },
  {
    name: "a link to itself",
    says: 'link "modules/l" to "l" leads in a circle',
    make: () => bundleTar(link("l", "l")),
  },
  {
    name: "a circle of two links",
    says: "leads in a circle",
    make: () => bundleTar(link("a", "b"), link("b", "a")),
  },
  {
    name: "a chain of 41 links",
    says: "over more than 40 links",
    make: () => bundleTar(...chain(41)),
  },
  {
    name: "a link whose one target is longer than paths may be",
    says: "is 4097 bytes, expected at most 4096",
    make: () => bundleTar(tarPax([["linkpath", windingTarget(2048)]]), link("l", "short")),
  },
  {
    name: "a pair of links whose targets together are longer than paths may be",
    says: "expands to more than 4096 bytes",
    make: () =>
      bundleTar(
        tarPax([["linkpath", windingTarget(1200)]]),
        link("a", "short"),
        tarPax([["linkpath", `a/${windingTarget(1200)}`]]),
        link("b", "short"),
      ),
  },
]);

test.concurrent("row 3: links within the tree, over 40 of them, are installed as they are", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: bundleTar(...chain(40), link("top", ".."), link("k", "top/./vmlinux")) });
  await machine.expectInstalled(3, "a chain of 40 links, and a link to the top");
  expect(readlinkSync(join(machine.kernel, "modules/l40"))).toBe("l39");
  expect(readlinkSync(join(machine.kernel, "modules/k"))).toBe("top/./vmlinux");
});
