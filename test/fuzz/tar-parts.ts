/** Archives out of parts, each sound or wrong in its own way. */
import * as fc from "fast-check";
import {
  bytes,
  concat,
  gnuMagic,
  paxRecord,
  tarBundle,
  tarDirectory,
  tarEnd,
  type TarFields,
  tarFile,
  tarPax,
  tarRaw,
  tarSymlink,
  withChecksum,
} from "../support/tar-builder.ts";
import { bytesOf } from "./target.ts";

const names = [
  "vmlinux",
  "initrd.img",
  "kernel.config",
  "modules",
  "modules/a",
  "modules/a/b",
  "modules/link",
  "modules/../x",
  "../x",
  "/x",
  "modules//a",
  "./modules",
  `modules/${"n".repeat(120)}`,
];
export const linkTargets: readonly string[] = [
  "a",
  "..",
  "../vmlinux",
  "../..",
  "a/b",
  "link",
  "/etc",
  "",
  ".",
  "a/../../vmlinux",
];

export const entryName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...names),
  fc
    .tuple(fc.constantFrom("", "modules/"), fc.string({ maxLength: 20 }))
    .map((pair) => pair.join("")),
);
const latin1 = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((raw) => String.fromCharCode(...raw));

const fields: fc.Arbitrary<TarFields> = fc.record(
  {
    size: fc.oneof(
      fc.nat(2000),
      fc.constantFrom("77777777777\0", "\x80\0\0\0\0\0\0\0\0\0\0\x01", "10 "),
    ),
    mtime: fc.oneof(fc.nat(), latin1(12)),
    mode: fc.oneof(fc.nat(0o7777), latin1(8)),
    type: fc.constantFrom(
      "0",
      "\0",
      "1",
      "2",
      "3",
      "5",
      "6",
      "7",
      "x",
      "g",
      "L",
      "K",
      "S",
      "D",
      "9",
    ),
    linkName: fc.oneof(fc.constantFrom(...linkTargets), latin1(100)),
    magic: fc.constantFrom("ustar\0", "ustar ", "ustar", "\0"),
    version: fc.constantFrom("00", " \0", "\0\0"),
    prefix: fc.oneof(fc.constantFrom("modules", "modules/a", ".."), latin1(20)),
    tail: fc.oneof(fc.constant(""), latin1(12)),
  },
  { requiredKeys: [] },
);

const content = fc.oneof(
  fc.nat(1200).map((size) => new Uint8Array(size).fill(97)),
  fc.uint8Array(),
);
const paxKey = fc.constantFrom(
  "path",
  "linkpath",
  "size",
  "mtime",
  "GNU.sparse.name",
  "hdrcharset",
  "uid",
);
const paxValue = fc.oneof(
  entryName,
  fc.constantFrom(...linkTargets),
  fc.nat(9999).map(String),
  fc.constantFrom("1.5", "8589934592", "-1", "\n"),
);
export const paxBody: fc.Arbitrary<Uint8Array> = fc
  .array(fc.tuple(paxKey, paxValue), { minLength: 1, maxLength: 4 })
  .map((records) => concat(...records.map(([key, value]) => paxRecord(key, bytesAsText(value)))));

/** What is not a byte becomes one. */
function bytesAsText(value: string): string {
  return String.fromCharCode(...bytesOf(value));
}

const fits = (each: string): string => bytesAsText(each).slice(0, 100);
const part: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.tuple(entryName, content).map(([each, body]) => tarFile(fits(each), body)),
  entryName.map((each) => tarDirectory(fits(each).slice(0, 99))),
  fc.constantFrom(tarDirectory("modules"), tarDirectory("modules/a"), tarFile("vmlinux", "kernel")),
  fc
    .tuple(entryName, fc.constantFrom(...linkTargets))
    .map(([each, to]) => tarSymlink(fits(each), to)),
  fc
    .tuple(entryName, fc.constantFrom(...linkTargets))
    .map(([each, to]) => tarSymlink(fits(each), to, gnuMagic)),
  paxBody.map((body) => tarPax(body)),
  fc.tuple(entryName, fields).map(([each, some]) => tarRaw({ name: fits(each), ...some })),
  fc.uint8Array({ minLength: 512, maxLength: 512 }).map((block) => {
    const header = block.slice();
    header.set(bytes("ustar\x0000"), 257);
    header.set(bytes("00000000010\0"), 124);
    return withChecksum(header);
  }),
  fc.nat(3).map((blocks) => tarEnd(blocks)),
);

export const archives: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.array(part, { maxLength: 8 }).map((parts) => tarBundle(...parts)),
  fc.array(part, { maxLength: 8 }).map((parts) => concat(...parts)),
);
