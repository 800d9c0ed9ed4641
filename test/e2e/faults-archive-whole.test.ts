/** Faults 7 to 10: limits, modes and owners, archives that are not whole, and bundles that are none. */
import { expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { bundleTar, PullMachine, testRefusals } from "../support/bad-pull.ts";
import { makeBzImage } from "../support/kernel-images.ts";
import { smallKernel } from "../support/small-kernel.ts";
import {
  bytes,
  concat,
  tarDirectory,
  tarEnd,
  tarFile,
  tarPax,
  tarSymlink,
} from "../support/tar-builder.ts";

const kernel = smallKernel({ sizeBytes: 8192 });

/** Folders in one another, each level a name of so many letters, and the path of the last. */
function nested(levels: number, letters: number): { path: string; parts: Uint8Array[] } {
  const parts: Uint8Array[] = [];
  let path = "modules";
  for (let level = 2; level <= levels; level += 1) {
    path += `/${"d".repeat(letters)}`;
    parts.push(tarPax([["path", path]]), tarDirectory("short"));
  }
  return { path, parts };
}

function deep(levels: number, letters: number, last: string): Uint8Array {
  const { path, parts } = nested(levels - 1, letters);
  return bundleTar(...parts, tarPax([["path", `${path}/${last}`]]), tarFile("short", "x"));
}

/** At most 100,000 links, made fast: both numbers' digits have one sum, and so has every header. */
function manyLinks(count: number): Uint8Array {
  const one = tarSymlink("modules/l00000-99999", ".");
  const all = new Uint8Array(count * one.length);
  for (let index = 0; index < count; index += 1) {
    const digits = [index, 99_999 - index].map((number) => `${number}`.padStart(5, "0"));
    all.set(one, index * one.length);
    all.set(bytes(digits.join("-")), index * one.length + "modules/l".length);
  }
  return all;
}

testRefusals(7, [
  {
    name: "a file 65 levels deep",
    says: "is 65 levels deep, expected at most 64",
    make: () => deep(65, 1, "x"),
  },
  {
    name: "a name of 4097 bytes",
    says: "bytes, expected at most",
    make: () => deep(18, 250, "x".repeat(4096 - 7 - 16 * 251)),
  },
  {
    name: "a name with a part of 256 bytes",
    says: "has a component of 256 bytes, expected at most 255",
    make: () => deep(2, 1, "x".repeat(256)),
  },
  {
    name: "an archive of 100,001 entries",
    says: "archive has more than 100000 entries",
    make: () => bundleTar(manyLinks(99_999)),
  },
]);

test.concurrent("row 7: a file 64 levels deep is installed", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: deep(64, 1, "x") });
  await machine.expectInstalled(7, "a file 64 levels deep");
});

// The store puts a path of its own before each name: what then cannot be opened must not be installed.
test.concurrent("row 7: the longest name that is installed can be verified", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: deep(10, 250, "x".repeat(2048 - 8 - 8 * 251)) });
  await machine.expectInstalled(7, "a name of 2048 bytes");
  const next = await machine.banger(["kernel", "verify", "generic-6.12"]);
  expect(next.exitCode).toBe(0);
});

for (const umask of ["022", "077", "000"]) {
  test.concurrent(`row 8: modes, owners and times of the archive do not count under umask ${umask}`, async () => {
    await using machine = await PullMachine.start();
    const foreign = { uid: 12_345, gid: 54_321, uname: "eve", gname: "eve" };
    const paths = {
      "modules/setuid": 0o4755,
      "modules/setgid": 0o2755,
      "modules/none": 0,
      "modules/all": 0o777,
      "modules/sticky": 0o1777,
    };
    const future = 0o77777777777;
    machine.offer({
      tar: bundleTar(
        ...Object.entries(paths).map(([path, mode]) =>
          tarFile(path, "x", { ...foreign, mode, mtime: future }),
        ),
        tarDirectory("modules/closed", { ...foreign, mode: 0, mtime: future }),
        tarDirectory("modules/open", { ...foreign, mode: 0o7777, mtime: future }),
        tarPax([["mtime", "99999999999.5"]]),
        tarFile("modules/closed/later", "x", foreign),
      ),
    });
    const done = `modes 04755 to 0, a foreign owner, umask ${umask}`;
    await machine.expectInstalled(8, done, () => machine.pullAfter(`umask ${umask}`));

    const found = [...Object.keys(paths), "vmlinux", "modules/closed/later", "manifest.json"];
    for (const path of found) expect(modeAndOwner(machine, path)).toEqual(["644", "ours", "past"]);
    for (const path of ["modules", "modules/closed", "modules/open", "."]) {
      expect(modeAndOwner(machine, path)).toEqual(["755", "ours", "past"]);
    }
  });
}

test.concurrent("where too little memory can be mapped, a pull says so", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: bundleTar() });
  const { exitCode, stderr } = await machine.pullAfter("ulimit -v 1000000");
  expect(stderr).toContain("the C library cannot be called\nhint: if memory is limited here");
  expect(exitCode).toBe(1);
});

function modeAndOwner(machine: PullMachine, path: string): string[] {
  const { mode, uid, gid, mtimeMs } = lstatSync(
    `${join(machine.kernel, path)}${path === "." ? "/" : ""}`,
  );
  const isOurs = uid === process.geteuid?.() && gid === process.getegid?.();
  return [
    (mode & 0o7777).toString(8),
    isOurs ? "ours" : `${uid}:${gid}`,
    mtimeMs <= Date.now() ? "past" : "future",
  ];
}

const whole = concat(
  tarFile("vmlinux", kernel),
  tarDirectory("modules"),
  tarPax([["path", "modules/a.ko"]]),
  tarFile("short", "a module"),
  tarSymlink("modules/b.ko", "a.ko"),
);
const cuts = Array.from({ length: whole.length / 512 + 2 }, (_, blocks) => blocks * 512);

test.concurrent("row 9: the archive that is cut below is sound when it is whole", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar: concat(whole, tarEnd()) });
  await machine.expectInstalled(9, "the whole archive");
});

testRefusals(
  9,
  cuts.map((cut) => ({
    name: `an archive that is cut after ${cut} bytes`,
    // A catalog cannot name less than two blocks.
    ...(cut < 1024
      ? {
          code: "verification-failed",
          says: `unpacks to ${cut} bytes, the catalog names 1024`,
          make: () => ({ tar: whole.subarray(0, cut), entry: { unpacked_bytes: 1024 } }),
        }
      : {
          says: `at byte ${cut}`,
          make: () => concat(whole, tarEnd()).subarray(0, cut),
        }),
  })),
);

testRefusals(9, [
  {
    name: "an archive without end-of-archive blocks",
    says: `archive ends at byte ${whole.length} without two end-of-archive blocks`,
    make: () => whole,
  },
  {
    name: "an archive with half an end-of-archive block too many",
    says: "archive is cut at byte",
    make: () => concat(whole, tarEnd(), new Uint8Array(256)),
  },
  {
    name: "an archive with an entry between its end-of-archive blocks",
    says: "archive goes on after an end-of-archive block",
    make: () => concat(whole, tarEnd(1), tarFile("modules/x", "x"), tarEnd()),
  },
  {
    name: "an archive with an entry after its end-of-archive blocks",
    says: "archive has bytes after its end-of-archive blocks",
    make: () => concat(whole, tarEnd(), tarFile("modules/x", "x"), tarEnd()),
  },
  {
    name: "an archive with one byte far behind its end",
    says: "archive has bytes after its end-of-archive blocks",
    make: () => concat(whole, tarEnd(200), bytes("x".padStart(512, "\0"))),
  },
]);

const only = (...parts: readonly Uint8Array[]) => concat(...parts, tarEnd());
const kernelOf = (content: string | Uint8Array) => only(tarFile("vmlinux", content));

testRefusals(10, [
  {
    name: "a bundle without vmlinux",
    says: 'archive has no "vmlinux"',
    make: () => only(tarDirectory("modules")),
  },
  {
    name: "a bundle with nothing in it",
    says: 'archive has no "vmlinux"',
    make: () => only(),
  },
  {
    name: "a vmlinux that is a folder",
    says: '"vmlinux" is a directory, expected a file',
    make: () => only(tarDirectory("vmlinux")),
  },
  {
    name: "a vmlinux that is a link",
    says: '"vmlinux" is a symlink, expected a file',
    make: () =>
      only(
        tarDirectory("modules"),
        tarFile("modules/vmlinux", kernel),
        tarSymlink("vmlinux", "modules/vmlinux"),
      ),
  },
  {
    name: "a vmlinux that is empty",
    says: '"vmlinux" is empty, expected a kernel image',
    make: () => kernelOf(""),
  },
  {
    name: "an initrd.img that is a link",
    says: '"initrd.img" is a symlink, expected a file',
    make: () => bundleTar(tarSymlink("initrd.img", "vmlinux")),
  },
  {
    name: "a modules that is a file",
    says: '"modules" is a file, expected a directory',
    make: () => only(tarFile("vmlinux", kernel), tarFile("modules", "x")),
  },
  {
    name: "a bundle with a README",
    says: 'top-level entry is "README", expected one of vmlinux, initrd.img, modules, kernel.config',
    make: () => bundleTar(tarFile("README", "x")),
  },
  {
    name: "a bundle with a manifest.json of its own",
    says: 'top-level entry is "manifest.json"',
    make: () => bundleTar(tarFile("manifest.json", "{}")),
  },
  {
    name: "a bundle with a folder more",
    says: 'top-level entry is "firmware"',
    make: () => bundleTar(tarDirectory("firmware")),
  },
  {
    name: "a vmlinux that is a bzImage",
    code: "wrong-image",
    says: "bzImage",
    make: () => kernelOf(makeBzImage()),
  },
  {
    name: "a vmlinux that is compressed with gzip",
    code: "wrong-image",
    says: "gzip",
    make: () => kernelOf("\x1f\x8b\x08".padEnd(8192, "\0")),
  },
  {
    name: "a vmlinux that is a web page",
    code: "wrong-image",
    says: "HTML",
    make: () => kernelOf("<!DOCTYPE html><html><body>404</body></html>"),
  },
  {
    name: "a vmlinux for arm64 under an entry for x86_64",
    code: "wrong-image",
    says: "arm64",
    make: () => kernelOf(smallKernel({ arch: "arm64", sizeBytes: 8192 })),
  },
]);
