/** The reader and the writer of tarballs. */
import { strict as assert } from "node:assert";
import path from "node:path";
import * as fc from "fast-check";
import { BundleTree } from "../../../src/core/bundle-tree.ts";
import { parsePaxRecords } from "../../../src/core/tar-pax.ts";
import type { TarEntry } from "../../../src/core/tar-reader.ts";
import { endOfArchive, tarHeader, tarPadding } from "../../../src/core/tar-writer.ts";
import { tarOf } from "../../support/bundle.ts";
import {
  concat,
  paxRecord,
  tarBundle,
  tarDirectory,
  tarFile,
  tarPax,
} from "../../support/tar-builder.ts";
import { gnuTarList, ourList, readTar, tarRefusal } from "../../support/tar-reading.ts";
import { archives, entryName, linkTargets, paxBody } from "../tar-parts.ts";
import { bytesOf, chunkSizes, type FuzzTarget, textOf } from "../target.ts";

/** Where a link of an archive leads, step by step; undefined: out of it, to nothing, or in a circle. */
function leadsTo(entries: ReadonlyMap<string, TarEntry>, link: string): string | undefined {
  let folder = path.posix.dirname(link);
  const first = entries.get(link);
  let rest = first?.kind === "symlink" ? first.target.split("/") : [];
  for (let steps = 0; steps < 10_000; steps++) {
    const [step, ...others] = rest;
    if (step === undefined) return folder;
    rest = others;
    if (step === ".") continue;
    if (step === "..") {
      if (folder === ".") return undefined;
      folder = path.posix.dirname(folder);
      continue;
    }
    const at = folder === "." ? step : `${folder}/${step}`;
    const entry = entries.get(at);
    if (entry === undefined) return undefined;
    if (entry.kind === "symlink") rest = [...entry.target.split("/"), ...rest];
    else folder = at;
  }
  return undefined;
}

/** Nothing that is accepted leaves the folder that it is unpacked into. */
function assertInside(archive: Uint8Array): void {
  const entries = new Map(readTar(archive).map(({ entry }) => [entry.path, entry]));
  for (const [at, entry] of entries) {
    assert.ok(!path.posix.isAbsolute(at) && path.posix.normalize(at) === at, at);
    assert.ok(!at.split("/").includes(".."), at);
    const parent = path.posix.dirname(at);
    assert.ok(parent === "." || entries.get(parent)?.kind === "directory", `${at} has no folder`);
    if (entry.kind === "symlink") assert.ok(leadsTo(entries, at) !== undefined, `${at} leads out`);
  }
}

const tarReader: FuzzTarget = {
  name: "tar-reader",
  codes: ["unsafe-archive"],
  start: () => ({
    corpus: [
      tarOf({
        vmlinux: "kernel",
        "initrd.img": "z".repeat(700),
        "modules/6.12.1/a.ko": "module",
        "modules/6.12.1/link": { link: "../../vmlinux" },
        "provenance.json": "{}",
      }),
      tarBundle(
        tarDirectory("modules"),
        tarPax(paxRecord("path", `modules/${"n".repeat(150)}`)),
        tarFile("short", "12345"),
      ),
    ],
    structured: archives,
    words: ["ustar\x0000", "ustar  \0", "../", "PaxHeader", "vmlinux"],
    run: (archive) => {
      const refusal = tarRefusal(archive);
      for (const size of chunkSizes(archive)) assert.equal(tarRefusal(archive, size), refusal);
      if (refusal !== undefined) return "refused";
      assertInside(archive);
      const { lines, stderr } = gnuTarList(archive);
      assert.deepEqual(ourList(archive), lines);
      assert.equal(stderr, "");
      return "accepted";
    },
  }),
};

/** The same records read by cutting at what each says of its length, with no rules. */
function recordsOf(body: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let rest = body; rest !== "";) {
    const lengthBytes = Number.parseInt(rest, 10);
    const record = rest.slice(rest.indexOf(" ") + 1, lengthBytes - 1);
    records.set(record.slice(0, record.indexOf("=")), record.slice(record.indexOf("=") + 1));
    rest = rest.slice(lengthBytes);
  }
  return records;
}

const tarPaxHeader: FuzzTarget = {
  name: "tar-pax",
  codes: ["unsafe-archive"],
  start: () => ({
    corpus: [
      concat(paxRecord("path", "modules/a"), paxRecord("mtime", "1700000000.5")),
      concat(paxRecord("linkpath", "x".repeat(120)), paxRecord("size", "8589934592")),
    ],
    structured: paxBody,
    words: ["path=", "linkpath=", "size=", "mtime=", "\n12 "],
    run: (body) => {
      const { path: name, linkPath, sizeBytes } = parsePaxRecords(body);
      const records = recordsOf(String.fromCharCode(...body));
      assert.equal(name, records.get("path"));
      assert.equal(linkPath, records.get("linkpath"));
      assert.equal(sizeBytes?.toString(), records.get("size"));
      return "accepted";
    },
  }),
};

/** An entry a line: `f PATH SIZE`, `d PATH`, `l PATH TARGET`, parted by tabs. */
function entriesOf(text: string): TarEntry[] {
  return text.split("\n").flatMap((line): TarEntry[] => {
    const [kind, at = "", rest = ""] = line.split("\t");
    if (kind === "f") return [{ kind: "file", path: at, sizeBytes: Number(rest) % 3000 || 0 }];
    if (kind === "d") return [{ kind: "directory", path: at }];
    return kind === "l" ? [{ kind: "symlink", path: at, target: rest }] : [];
  });
}

function archiveOf(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    if (entry.kind !== "file") return [tarHeader(entry)];
    return [tarHeader(entry), new Uint8Array(entry.sizeBytes), tarPadding(entry.sizeBytes)];
  });
  return concat(...parts, endOfArchive());
}

const long = fc.nat(260).map((length) => `modules/${"d".repeat(length)}`);
const writerLine = fc.oneof(
  fc.tuple(fc.oneof(entryName, long), fc.nat(3000)).map(([at, size]) => `f\t${at}\t${size}`),
  fc.oneof(entryName, long).map((at) => `d\t${at}`),
  fc
    .tuple(fc.oneof(entryName, long), fc.oneof(fc.constantFrom(...linkTargets), long))
    .map((pair) => `l\t${pair.join("\t")}`),
);

const tarWriter: FuzzTarget = {
  name: "tar-writer",
  codes: ["unsafe-archive"],
  start: () => ({
    corpus: [bytesOf("f\tvmlinux\t5\nd\tmodules\nd\tmodules/a\nl\tmodules/b\ta\n")],
    structured: fc
      .array(writerLine, { maxLength: 6 })
      .map((lines) => bytesOf(["f\tvmlinux\t5", "d\tmodules", ...lines].join("\n"))),
    words: ["modules/", "\t", "\nd\t", "\nl\t", "d".repeat(100)],
    run: (input) => {
      const entries = entriesOf(textOf(input));
      const tree = new BundleTree();
      for (const entry of entries) tree.add(entry);
      tree.finish();
      // What the policy allows can be written, and is read as it was meant, by tar too.
      const archive = archiveOf(entries);
      assert.deepEqual(
        readTar(archive).map(({ entry }) => entry),
        entries,
      );
      assert.deepEqual(gnuTarList(archive).lines, ourList(archive));
      return "accepted";
    },
  }),
};

export const tarTargets: readonly FuzzTarget[] = [tarReader, tarPaxHeader, tarWriter];
