import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { bzImagePayload, efiZbootPayload } from "../../src/core/kernel-payload.ts";
import { makeBzImage, makeEfiZboot } from "../support/kernel-images.ts";

const content = new Uint8Array(1000).fill(7);

describe("the payload of a bzImage", () => {
  test("lies behind the setup sectors, at the offset that the header says", () => {
    const file = makeBzImage(content);
    const payload = bzImagePayload(file, file.length);
    expect(payload).toMatchObject({ sizeBytes: content.length, endsWithSize: true });
    const { offset = 0 } = payload ?? {};
    expect(file.subarray(offset, offset + content.length)).toEqual(content);
  });

  test("is behind four sectors when the header says none", () => {
    const file = makeBzImage(content);
    file[0x1f1] = 0;
    expect(bzImagePayload(file, 2 * file.length)?.offset).toBe(5 * 512 + 0x300);
  });

  test.each<[string, (file: Uint8Array, view: DataView) => void]>([
    ["the protocol is too old", (_file, view) => view.setUint16(0x206, 0x207, true)],
    ["it is empty", (_file, view) => view.setUint32(0x24c, 0, true)],
    ["it ends behind the file", (_file, view) => view.setUint32(0x24c, 0x7fff_ffff, true)],
    ["it begins behind the file", (_file, view) => view.setUint32(0x248, 0xffff_ffff, true)],
  ])("is none when %s", (_what, damage) => {
    const file = makeBzImage(content);
    damage(file, new DataView(file.buffer));
    expect(bzImagePayload(file, file.length)).toBeUndefined();
  });
});

describe("the payload of a vmlinuz.efi", () => {
  test("is where the header says", () => {
    const file = makeEfiZboot(content);
    const { offset = 0, sizeBytes } = efiZbootPayload(file, file.length) ?? {};
    expect(sizeBytes).toBe(content.length);
    expect(file.subarray(offset, offset + content.length)).toEqual(content);
    expect(efiZbootPayload(file, file.length - 1)).toBeUndefined();
  });
});

test("payloads are within the file, whatever its bytes are", () => {
  const any = fc.uint8Array({ minLength: 0, maxLength: 0x300 });
  fc.assert(
    fc.property(any, fc.nat(0x2000), (bytes, sizeBytes) => {
      for (const find of [bzImagePayload, efiZbootPayload]) {
        const found = find(bytes, sizeBytes);
        if (found !== undefined) {
          expect(found.offset + found.sizeBytes).toBeLessThanOrEqual(sizeBytes);
        }
      }
    }),
  );
});
