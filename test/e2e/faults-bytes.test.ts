/** Faults 11 to 13: zstd that is not sound, bombs, and bytes that are not the ones of the catalog. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type BundleFault, bundleTar, PullMachine, testRefusals } from "../support/bad-pull.ts";
import { corruptBit, HttpServer, serve, status } from "../support/http-server.ts";
import { bangerExecutable, type BundleEntry, zstdOf } from "../support/sandbox.ts";
import { bytes, concat, tarFile } from "../support/tar-builder.ts";

const tar = bundleTar(tarFile("modules/a.ko", "a module"));
const frame = zstdOf(tar);
const halves = [zstdOf(tar.subarray(0, 5000)), zstdOf(tar.subarray(5000))] as const;

/** A copy with one bit of a byte changed; a negative place counts from the end. */
function flipped(whole: Uint8Array, at: number, bit = 0): Uint8Array {
  const copy = whole.slice();
  copy.set([(copy.at(at) ?? 0) ^ (1 << bit)], at < 0 ? whole.length + at : at);
  return copy;
}

const fault = (name: string, says: string, zst: Uint8Array): BundleFault => ({
  name,
  says,
  code: "verification-failed",
  make: () => ({ tar, zst }),
});
const skippable = concat(bytes("\x50\x2a\x4d\x18\x04\0\0\0"), bytes("evil"));
const unsound = "the tarball is not sound zstd data";

testRefusals(11, [
  fault("a frame with a bit changed in its content", unsound, flipped(frame, 4000)),
  fault("a frame with a bit changed in its checksum", unsound, flipped(frame, -1)),
  fault("a frame with a bit changed in its header", "reserved bit", flipped(frame, 4, 3)),
  fault("a file without the magic", "does not start with a zstd frame", flipped(frame, 0)),
  fault("a frame that is cut in half", "zstd file is cut at byte", frame.subarray(0, 4000)),
  fault("a frame without its checksum", "zstd file is cut at byte", frame.subarray(0, -4)),
  fault("a frame without its last byte", "zstd file is cut at byte", frame.subarray(0, -1)),
  fault("a frame's magic alone", "zstd file is cut at byte 4", frame.subarray(0, 4)),
  fault("a frame with a text after it", "bytes that are no frame", concat(frame, bytes("garbage"))),
  fault("a frame with a byte after it", "1 bytes that are no frame", concat(frame, bytes("\0"))),
  fault("a frame with an archive after it", "bytes that are no frame", concat(frame, tar)),
  fault("a frame with a skippable frame after it", "skippable frame", concat(frame, skippable)),
  fault("a frame with a skippable frame before it", "skippable frame", concat(skippable, frame)),
  fault("a bad frame after a good one", unsound, concat(halves[0], flipped(halves[1], 300))),
  fault("a good frame after a bad one", unsound, concat(flipped(halves[0], 300), halves[1])),
  fault(
    "a cut frame after a good one",
    "cut at byte",
    concat(halves[0], halves[1].subarray(0, -1)),
  ),
  fault("a missing second frame", "unpacks to 5000 bytes, the catalog names", halves[0]),
  fault("an archive that is not compressed", "does not start with a zstd frame", tar),
  fault("an archive in gzip", "does not start with a zstd frame", gzipSync(tar)),
  {
    name: "a frame with nothing in it",
    code: "verification-failed",
    says: "unpacks to 0 bytes, the catalog names 1024",
    make: () => ({ zst: zstdOf(new Uint8Array()), entry: { unpacked_bytes: 1024 } }),
  },
  {
    name: "an empty file",
    code: "verification-failed",
    says: "size is 0 bytes, expected 1",
    make: () => ({ tar, zst: new Uint8Array(), entry: { size_bytes: 1 } }),
  },
]);

test.concurrent("row 11: two good frames are installed as one archive", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar, zst: concat(...halves) });
  await machine.expectInstalled(11, "two good frames");
  expect(readFileSync(`${machine.kernel}/modules/a.ko`, "utf8")).toBe("a module");
});

/** What zstd makes of the bytes when it does not know how many there are, so that the window stays. */
function zstdStream(input: Uint8Array, ...options: readonly string[]): Uint8Array {
  const { status: exit, stdout } = spawnSync("zstd", ["-q", "--check", ...options], { input });
  if (exit !== 0) throw new Error(`zstd exited with ${exit}`);
  return stdout;
}

/** An archive that goes on with so many zero bytes, compressed. */
function bomb(start: Uint8Array, zeros: string): Uint8Array {
  const script = `{ cat; head -c ${zeros} /dev/zero; } | zstd -q --check`;
  const { status: exit, stdout } = spawnSync("/bin/bash", ["-c", script], { input: start });
  if (exit !== 0) throw new Error(`zstd exited with ${exit}`);
  return stdout;
}

const window = (name: string, windowBytes: number, zst: () => Uint8Array): BundleFault => ({
  name: `a frame that wants a window of ${name}`,
  code: "verification-failed",
  says: `zstd frame wants a window of ${windowBytes} bytes, expected at most 33554432`,
  make: () => ({ tar, zst: zst() }),
});

testRefusals(12, [
  {
    name: "an archive of a block more than the catalog names",
    code: "verification-failed",
    says: `unpacks to more than the ${tar.length} bytes that the catalog names`,
    make: () => ({ tar, zst: zstdOf(concat(tar, new Uint8Array(512))) }),
  },
  {
    name: "an archive of a block less than the catalog names",
    code: "verification-failed",
    says: `unpacks to ${tar.length} bytes, the catalog names ${tar.length + 512}`,
    make: () => ({ tar, entry: { unpacked_bytes: tar.length + 512 } }),
  },
  window("64 MiB", 2 ** 26, () => zstdStream(tar, "--long=26")),
  window("128 MiB", 2 ** 27, () => zstdStream(tar, "--long=27")),
  window("2 TiB", 2 ** 41, () => {
    const zst = zstdStream(tar, "--long=26").slice();
    zst[5] = (41 - 10) << 3;
    return zst;
  }),
  window("64 MiB, as a single segment", 2 ** 26, () => {
    const header = bytes("\x28\xb5\x2f\xfd\xe4\0\0\0\x04\0\0\0\0");
    return concat(header, zstdStream(tar, "--long=26").subarray(6));
  }),
]);

test.concurrent("row 12: a frame that wants a window of 32 MiB is installed", async () => {
  await using machine = await PullMachine.start();
  machine.offer({ tar, zst: zstdStream(tar, "--long=25") });
  await machine.expectInstalled(12, "a window of 32 MiB");
});

test("row 12: a bomb of 512 MiB is refused when it is larger than the catalog says, within 150 MiB of memory", async () => {
  await using machine = await PullMachine.start();
  const wantedBytes = tar.length + 2 ** 24;
  machine.offer({ tar, zst: bomb(tar, "512M"), entry: { unpacked_bytes: wantedBytes } });
  let peakBytes = 0;
  await machine.expectRefusal(
    {
      row: 12,
      name: "a bomb of 512 MiB",
      code: "verification-failed",
      says: `unpacks to more than the ${wantedBytes} bytes that the catalog names`,
    },
    async () => {
      const child = machine.start(["kernel", "pull", "generic-6.12", "--json"]);
      while (!child.ended) {
        peakBytes = Math.max(peakBytes, peakMemoryOf(child.pid));
        await Bun.sleep(2);
      }
      return child.done;
    },
  );
  expect(peakBytes).toBeGreaterThan(2 ** 20);
  expect(peakBytes).toBeLessThan(150 * 2 ** 20);
});

/** The most memory that this banger ever had; 0 before its program was started and after its end. */
function peakMemoryOf(pid: number): number {
  try {
    if (readlinkSync(`/proc/${pid}/exe`) !== bangerExecutable()) return 0;
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return 1024 * Number(peak?.[1] ?? 0);
  } catch {
    return 0;
  }
}

test.concurrent("row 12: a file of 64 MiB is never written when the catalog says less", async () => {
  await using machine = await PullMachine.start();
  const start = tar.subarray(0, -1024);
  const head = tarFile("initrd.img", "", { size: 2 ** 26 });
  machine.offer({ tar, zst: bomb(concat(start, head), "67109888") });
  await machine.expectRefusal(
    {
      row: 12,
      name: "a file of 64 MiB where the catalog says 10 KiB",
      code: "verification-failed",
      says: `unpacks to more than the ${tar.length} bytes that the catalog names`,
    },
    () => machine.pullAfter("ulimit -f 1024"),
  );
});

for (const [field, limit] of [
  ["unpacked_bytes", 2 ** 34],
  ["size_bytes", 2 ** 32],
] as const) {
  test.concurrent(`row 12: a catalog with ${field} over the hard limit is refused`, async () => {
    await using machine = await PullMachine.start();
    machine.offer({ tar, entry: { [field]: limit + 1 } });
    const says = `entry 1 ("generic-6.12"): ${field}: must be at most ${limit}`;
    const name = `${field} of ${limit + 1}`;
    await machine.expectRefusal({ row: 12, name, code: "bad-catalog", exit: 1, says });
  });
}

/** What the mirror has in the place of the right tarball. */
interface Served {
  readonly name: string;
  readonly says: string;
  readonly served: () => Uint8Array;
}

// The entry's own URL leads to nobody in all of these: verification beats network.
const evil = bundleTar(tarFile("../../../../work/canary", "evil"));
const noise = Uint8Array.from(frame, (_, index) => index % 251);
const wrongHash = "sha256 is ";

const servings: readonly Served[] = [
  { name: "the first bit flipped", says: wrongHash, served: () => flipped(frame, 0) },
  { name: "a bit in the middle flipped", says: wrongHash, served: () => flipped(frame, 4000, 7) },
  { name: "the last bit flipped", says: wrongHash, served: () => flipped(frame, -1, 7) },
  {
    name: "a byte less",
    says: `size is ${frame.length - 1} bytes, expected ${frame.length}`,
    served: () => frame.subarray(0, -1),
  },
  {
    name: "a byte more",
    says: `the file has more than the expected ${frame.length} bytes`,
    served: () => concat(frame, bytes("\0")),
  },
  {
    name: "nothing",
    says: `size is 0 bytes, expected ${frame.length}`,
    served: () => new Uint8Array(),
  },
  { name: "noise of the right size", says: wrongHash, served: () => noise },
];

for (const { name, says, served } of servings) {
  test.concurrent(`row 13: a mirror that has ${name} is refused`, async () => {
    await using machine = await PullMachine.start();
    writeFileSync(machine.bundlePath(machine.offer({ tar, zst: frame })), served());
    await machine.expectRefusal({ row: 13, name, code: "verification-failed", says });
  });
}

for (const [name, tarball] of [
  ["a sound bundle", frame],
  ["an archive that would leave the tree", zstdOf(evil)],
  ["no zstd at all", noise],
  ["a frame with a window of 64 MiB", zstdStream(tar, "--long=26")],
] as const) {
  test.concurrent(`row 13: nothing of ${name} is looked at when its hash is wrong`, async () => {
    await using machine = await PullMachine.start();
    machine.offer({ tar, zst: tarball, entry: { tarball_sha256: "0".repeat(64) } });
    const says = `, expected ${"0".repeat(64)}`;
    const done = `${name}, under another hash`;
    await machine.expectRefusal({ row: 13, name: done, code: "verification-failed", says });
  });
}

for (const more of [-1, 1]) {
  test.concurrent(`row 13: the right bytes are refused when the catalog's size is ${more} off`, async () => {
    await using machine = await PullMachine.start();
    machine.offer({ tar, zst: frame, entry: { size_bytes: frame.length + more } });
    const says =
      more < 0 ? `more than the expected ${frame.length - 1}` : `size is ${frame.length}`;
    const name = `size_bytes ${more} off`;
    await machine.expectRefusal({ row: 13, name, code: "verification-failed", says });
  });
}

for (const order of ["before", "after"] as const) {
  test.concurrent(`row 13: bad bytes ${order} mirrors that cannot be reached are a failed verification`, async () => {
    await using machine = await PullMachine.start();
    const entry = machine.offer({ tar, zst: frame });
    writeFileSync(machine.bundlePath(entry), flipped(frame, 4000));
    const missing = ["http://127.0.0.1:1", `${machine.folder}/missing`];
    const mirrors =
      order === "before" ? [machine.mirror, ...missing] : [...missing, machine.mirror];
    machine.useMirrors(...mirrors);
    const name = `a bad mirror ${order} two that are down`;
    await machine.expectRefusal({ row: 13, name, code: "verification-failed", says: wrongHash });
  });
}

test.concurrent("row 13: a bit flipped by an HTTP mirror is a failed verification, whatever the next says", async () => {
  await using machine = await PullMachine.start();
  await using server = await HttpServer.start();
  const entry = machine.offer({ tar, zst: frame });
  server.on(`/bad/${fileOf(entry)}`, corruptBit(frame, 4000));
  server.on(`/gone/${fileOf(entry)}`, status(404));
  machine.useMirrors(`${server.url}/bad`, `${server.url}/gone`);
  const name = "a bit flipped by an HTTP mirror, and a 404";
  await machine.expectRefusal({ row: 13, name, code: "verification-failed", says: wrongHash });
});

test.concurrent("row 13: after a mirror with bad bytes the next one is asked", async () => {
  await using machine = await PullMachine.start();
  await using server = await HttpServer.start();
  const entry = machine.offer({ tar, zst: frame });
  writeFileSync(machine.bundlePath(entry), flipped(frame, 4000));
  server.on(`/${fileOf(entry)}`, serve(frame));
  machine.useMirrors(machine.mirror, server.url);
  await machine.expectInstalled(13, "a bad mirror and a good one");
});

function fileOf(entry: BundleEntry): string {
  return entry.tarball_url.replace(/^.*\//, "");
}
