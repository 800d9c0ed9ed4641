import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { endOfArchive, tarHeader, tarPadding } from "../../src/core/tar-writer.ts";
import type { TarEntry } from "../../src/core/tar-reader.ts";
import { TarReader } from "../../src/core/tar-reader.ts";
import { concat } from "../support/tar-builder.ts";
import { gnuTarList, ourList, readTar, refusal } from "../support/tar-reading.ts";

const vmlinux: TarEntry = { kind: "file", path: "vmlinux", sizeBytes: 3 };
const modules: TarEntry = { kind: "directory", path: "modules" };

/** An archive of these entries; each file holds zeros. */
function written(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) =>
    entry.kind === "file"
      ? [tarHeader(entry), new Uint8Array(entry.sizeBytes), tarPadding(entry.sizeBytes)]
      : [tarHeader(entry)],
  );
  return concat(...parts, endOfArchive());
}

const named = (path: string) => tarHeader({ kind: "file", path, sizeBytes: 1 }).length;
const linkTo = (target: string) => tarHeader({ kind: "symlink", path: "l", target }).length;
const sized = (sizeBytes: number) => tarHeader({ kind: "file", path: "f", sizeBytes }).length;

describe("a written archive", () => {
  const component = fc.string({
    unit: fc.constantFrom("a", "b", "X", "0", "9", ".", "_", "-", "+", " ", "~"),
    minLength: 1,
    maxLength: 255,
  });
  const name = component.filter((text) => text !== "." && text !== "..");
  const child = fc.oneof(
    fc.record({ kind: fc.constant("file" as const), sizeBytes: fc.nat(1500) }),
    fc.record({ kind: fc.constant("directory" as const) }),
    fc.record({ kind: fc.constant("symlink" as const), dots: fc.nat(120) }),
  );

  /** Entries below a chain of directories, so that all ways to write a name come up. */
  const trees = fc
    .record({
      chain: fc.array(name, { maxLength: 4 }),
      leaves: fc.uniqueArray(fc.tuple(name, child), { selector: ([text]) => text, maxLength: 6 }),
    })
    .map(({ chain, leaves }): TarEntry[] => {
      const paths = chain.map((_, index) => ["modules", ...chain.slice(0, index + 1)].join("/"));
      const below = paths.at(-1) ?? "modules";
      return [
        vmlinux,
        modules,
        ...paths.map((path): TarEntry => ({ kind: "directory", path })),
        ...leaves.map(([text, leaf]): TarEntry => {
          const path = `${below}/${text}`;
          if (leaf.kind !== "symlink") return { ...leaf, path };
          return { kind: "symlink", path, target: `${"./".repeat(leaf.dots)}.` };
        }),
      ];
    });

  test("is read back as it was, and GNU tar lists the same", () => {
    fc.assert(
      fc.property(trees, (entries) => {
        const archive = written(entries);
        expect(readTar(archive).map(({ entry }) => entry)).toEqual(entries);
        expect(gnuTarList(archive)).toEqual({ lines: ourList(archive), stderr: "" });
      }),
      { numRuns: 150 },
    );
  });

  test("has modes, owner 0 and time 0 whatever machine it is made on", () => {
    const link: TarEntry = { kind: "symlink", path: "modules/l", target: "." };
    const tar = Bun.spawnSync(["tar", "-tvf", "-", "--full-time", "--utc"], {
      stdin: written([vmlinux, modules, link]),
    });
    expect(tar.stdout.toString().split("\n")).toEqual([
      "-rw-r--r-- 0/0               3 1970-01-01 00:00:00 vmlinux",
      "drwxr-xr-x 0/0               0 1970-01-01 00:00:00 modules/",
      "lrwxrwxrwx 0/0               0 1970-01-01 00:00:00 modules/l -> .",
      "",
    ]);
  });

  test("has a pax header only where ustar does not do", () => {
    expect(named("n".repeat(100))).toBe(512);
    expect(named("n".repeat(101))).toBe(3 * 512);
    expect(named(`${"p".repeat(155)}/${"n".repeat(100)}`)).toBe(512);
    expect(named(`${"p".repeat(156)}/${"n".repeat(100)}`)).toBe(3 * 512);
    expect(linkTo("t".repeat(100))).toBe(512);
    expect(linkTo("t".repeat(101))).toBe(3 * 512);
    expect(sized(8 * 1024 ** 3 - 1)).toBe(512);
    expect(sized(8 * 1024 ** 3)).toBe(3 * 512);
  });

  test("may hold a file over 8 GiB, which is read without being copied", () => {
    const sizeBytes = 8 * 1024 ** 3 + 5;
    const chunk = new Uint8Array(1 << 28);
    let seen = 0;
    const reader = new TarReader({
      entry: (entry) => expect(entry).toEqual({ kind: "file", path: "vmlinux", sizeBytes }),
      data: (data) => {
        expect(data.buffer).toBe(chunk.buffer);
        seen += data.length;
      },
      endOfFile: () => {},
    });
    reader.push(tarHeader({ kind: "file", path: "vmlinux", sizeBytes }));
    for (let left = sizeBytes; left > 0; left -= chunk.length) {
      reader.push(chunk.subarray(0, Math.min(left, chunk.length)));
    }
    reader.push(tarPadding(sizeBytes));
    reader.push(endOfArchive());
    reader.end();
    expect(seen).toBe(sizeBytes);
  });

  test.each(["", "a\0b", "a\n", "\xe9", "é"])("is refused for the name %j", (path) => {
    const file = () => tarHeader({ kind: "file", path, sizeBytes: 0 });
    const link = () => tarHeader({ kind: "symlink", path: "l", target: path });
    expect(refusal("unsafe-archive", file)).toContain("expected printable ASCII");
    const directory = () => tarHeader({ kind: "directory", path });
    expect(refusal("unsafe-archive", directory)).toContain("expected printable ASCII");
    expect(refusal("unsafe-archive", link)).toContain("expected printable ASCII");
  });
});

test("padding fills the last block", () => {
  const sizes = [0, 1, 511, 512, 513, Number.MAX_SAFE_INTEGER].map(
    (size) => tarPadding(size).length,
  );
  expect(sizes).toEqual([0, 511, 1, 0, 511, 1]);
});
