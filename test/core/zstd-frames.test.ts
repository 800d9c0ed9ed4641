import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ZstdFrames, type ZstdSummary } from "../../src/core/zstd-frames.ts";
import { concat } from "../support/tar-builder.ts";
import { refusal } from "../support/tar-reading.ts";

const windowBytes = 32 * 1024 * 1024;

function walk(file: Uint8Array, chunkBytes = file.length): ZstdSummary {
  const frames = new ZstdFrames({ windowBytes });
  for (let offset = 0; offset < file.length; offset += chunkBytes) {
    frames.push(file.subarray(offset, offset + chunkBytes));
  }
  return frames.end();
}

const refused = (file: Uint8Array, chunkBytes?: number) =>
  refusal("verification-failed", () => walk(file, chunkBytes));

function zstd(content: Uint8Array, ...options: readonly string[]): Uint8Array {
  const child = Bun.spawnSync(["zstd", "-q", "-c", ...options], { stdin: content });
  if (child.exitCode !== 0) throw new Error(child.stderr.toString());
  return child.stdout;
}

/** Whether the real zstd takes the file. */
const zstdAccepts = (file: Uint8Array) =>
  Bun.spawnSync(["zstd", "-q", "-t", "--memory=32MB"], { stdin: file }).exitCode === 0;

/** Bytes that compress a little: several blocks, some of them raw. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, (_, index) => {
    state = (state * 48271) % 0x7fffffff;
    return index % 50_000 < 25_000 ? state & 0xff : state & 3;
  });
}

const magic = [0x28, 0xb5, 0x2f, 0xfd] as const;
const raw = (...more: readonly number[]) => Uint8Array.from([...magic, ...more]);
/** A block header: last flag, type (0 raw, 1 RLE, 2 compressed, 3 reserved), size. */
const block = (last: boolean, type: number, size: number): number[] => {
  const header = Number(last) | (type << 1) | (size << 3);
  return [header & 0xff, (header >> 8) & 0xff, header >> 16];
};
/** Descriptor 0x20: single segment, one size byte, no checksum, no dictionary. */
const five = raw(0x20, 5, ...block(true, 0, 5), 1, 2, 3, 4, 5);

describe("the frames of a zstd file are walked", () => {
  test("with their sizes, windows and checksums", () => {
    expect(walk(five)).toEqual({
      frames: 1,
      contentBytes: 5,
      maxWindowBytes: 5,
      checksummed: false,
    });
    // Window 0x02: 2^10 and two eighths; checksum, but no size.
    const two = raw(0x04, 0x02, ...block(false, 1, 1000), 7, ...block(true, 0, 0), 0, 0, 0, 0);
    expect(walk(two)).toEqual({
      frames: 1,
      contentBytes: undefined,
      maxWindowBytes: 1280,
      checksummed: true,
    });
    expect(walk(concat(five, two, five))).toEqual({
      frames: 3,
      contentBytes: undefined,
      maxWindowBytes: 1280,
      checksummed: false,
    });
    expect(walk(concat(five, five)).contentBytes).toBe(10);
  });

  test("with content sizes of one, two, four and eight bytes", () => {
    const end = block(true, 0, 0);
    expect(walk(raw(0x20, 255, ...end)).contentBytes).toBe(255);
    expect(walk(raw(0x60, 0, 0, ...end)).contentBytes).toBe(256);
    expect(walk(raw(0xa0, 0, 0, 0, 2, ...end)).contentBytes).toBe(windowBytes);
    expect(walk(raw(0xc0, 0, 0, 0, 0, 0, 0, 0, 0x1f, 0, ...end)).contentBytes).toBe(31 * 2 ** 48);
  });

  test("with a dictionary field that says none", () => {
    expect(walk(raw(0x21, 0, 5, ...block(true, 0, 0))).contentBytes).toBe(5);
    expect(walk(raw(0x23, 0, 0, 0, 0, 5, ...block(true, 0, 0))).contentBytes).toBe(5);
  });

  test.each(["-1", "-3", "-19", "--no-check", "--stream-size=400000", "--long=25", "-B64K"])(
    "as zstd %s writes them",
    (option) => {
      const content = noise(400_000);
      const file = zstd(content, option);
      const summary = walk(file);
      expect(summary).toMatchObject({ frames: 1, checksummed: option !== "--no-check" });
      const told = option === "--stream-size=400000";
      expect(summary.contentBytes).toBe(told ? content.length : undefined);
      expect(walk(concat(file, file, five)).frames).toBe(3);
    },
  );

  test("to the same end in chunks of every size", () => {
    const file = concat(zstd(noise(3000)), five, zstd(noise(300)));
    const whole = walk(file);
    for (let size = 1; size <= file.length; size += 1) expect(walk(file, size)).toEqual(whole);
  });
});

describe("a zstd file is refused", () => {
  test("when it is empty", () => {
    expect(refused(new Uint8Array(0))).toBe("zstd file is empty");
  });

  test("when it is cut at any byte", () => {
    const file = zstd(noise(300));
    for (let cut = 1; cut < file.length; cut += 1) {
      expect(refused(file.subarray(0, cut))).toMatch(/is cut|no frame/);
    }
    const large = zstd(noise(400_000));
    for (let cut = 1; cut < large.length; cut += 997) {
      expect(refused(large.subarray(0, cut))).toMatch(/is cut|no frame/);
      expect(refused(concat(five, large.subarray(0, cut)))).toMatch(/is cut|no frame/);
    }
  });

  test("when anything follows its frames", () => {
    for (const garbage of [[0], [1, 2, 3], [0, 0, 0, 0], magic.slice(0, 3), [...magic, 0]]) {
      expect(refused(concat(five, Uint8Array.from(garbage)))).toMatch(/no frame|is cut/);
    }
  });

  test("when it is something else", () => {
    expect(refused(new TextEncoder().encode("\x1f\x8b gzip"))).toContain("does not start with");
    expect(refused(Uint8Array.from([0x27, 0xb5, 0x2f, 0xfd, 0]))).toContain("does not start with");
  });

  test.each([0x50, 0x55, 0x5f])("when it has a skippable frame 0x184d2a%s", (low) => {
    const skippable = Uint8Array.from([low, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]);
    expect(refused(concat(five, skippable))).toContain("skippable");
    expect(refused(concat(skippable, five))).toContain("skippable");
  });

  test("when a reserved bit or block type is used", () => {
    expect(refused(raw(0x28, 5, ...block(true, 0, 0)))).toContain("reserved bit");
    expect(refused(raw(0x30, 5, ...block(true, 0, 0)))).toContain("reserved bit");
    expect(refused(raw(0x20, 5, ...block(true, 3, 1), 0))).toContain("reserved type");
  });

  test("when it wants a dictionary", () => {
    expect(refused(raw(0x21, 1, 5, ...block(true, 0, 0)))).toContain("dictionary 1");
    expect(refused(raw(0x22, 0, 1, 5, ...block(true, 0, 0)))).toContain("dictionary 256");
    expect(refused(raw(0x23, 0, 0, 0, 1, 5, ...block(true, 0, 0)))).toContain(
      "dictionary 16777216",
    );
  });

  test("when its window is over the limit, by its descriptor or its size", () => {
    const end = block(true, 0, 0);
    expect(refused(raw(0x00, 15 << 3, ...end))).toBeUndefined();
    expect(refused(raw(0x00, (15 << 3) | 1, ...end))).toContain("window of 37748736 bytes");
    expect(refused(raw(0x00, 0xff, ...end))).toContain("window of 4123168604160 bytes");
    expect(refused(raw(0xa0, 1, 0, 0, 2, ...end))).toContain("window of 33554433 bytes");
    const file = zstd(noise(1000), "--long=27");
    expect(refused(file)).toContain("window of 134217728 bytes, expected at most 33554432");
  });

  test("when a block is larger than its frame's window, or 128 KiB", () => {
    expect(refused(raw(0x20, 5, ...block(true, 1, 6), 0))).toContain("block is 6 bytes");
    const full = (size: number) => raw(0x00, 15 << 3, ...block(true, 1, size), 0);
    expect(refused(full(131_072))).toBeUndefined();
    expect(refused(full(131_073))).toContain("expected at most 131072");
  });

  test("when a content size, or the sum of them, is beyond 2^53", () => {
    const end = block(true, 0, 0);
    const sized = (top: number) => raw(0xc0, 0, 255, 255, 255, 255, 255, 255, top, 0, ...end);
    expect(refused(sized(0x1f))).toBeUndefined();
    expect(refused(sized(0x20))).toContain("2^53");
    expect(refused(concat(sized(0x1f), five))).toContain("2^53");
  });
});

describe("against the real zstd", () => {
  test("what it refuses for its framing is refused, however the file was changed", () => {
    const file = concat(zstd(noise(2000)), zstd(noise(200), "--no-check"));
    const edit = fc.record({
      at: fc.oneof(fc.nat(20), fc.nat(file.length)),
      length: fc.nat(3),
      bytes: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(edit, fc.integer({ min: 1, max: 3000 }), ({ at, length, bytes }, size) => {
        const changed = concat(file.subarray(0, at), bytes, file.subarray(at + length));
        const ours = refused(changed);
        expect(refused(changed, size)).toBe(ours);
        // The other way round does not hold: contents are not looked at here.
        if (ours?.includes("is cut") === true) expect(zstdAccepts(changed)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("what a truncated decoder would take in silence is known to be cut", () => {
    const file = zstd(noise(100_000));
    for (let cut = 1; cut < file.length; cut += 4999) {
      const part = file.subarray(0, cut);
      expect(zstdAccepts(part)).toBe(false);
      expect(refused(part)).toBeString();
    }
    expect(zstdAccepts(concat(file, Uint8Array.of(0)))).toBe(false);
  });

  test("random bytes never hang it, nor throw anything but a refusal", () => {
    const start = fc.constantFrom(raw(), raw(0x04), raw(0x20, 200), five);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 400 }), (head, tail) => {
        refused(concat(head, tail));
      }),
      { numRuns: 1000 },
    );
  });

  test("a walker is of no use after a refusal", () => {
    const frames = new ZstdFrames({ windowBytes });
    const push = () => frames.push(Uint8Array.from([1, 2, 3, 4]));
    expect(refusal("verification-failed", push)).toBeString();
    expect(() => frames.end()).toThrow("after its end or a refusal");
  });
});
