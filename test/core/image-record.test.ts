import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import { parseImagePin, parseImageRecord } from "../../src/core/image-record.ts";

const record = {
  version: 1,
  name: "web",
  rootfs: "/images/web.ext4",
  file_system: "ext4",
  read_only: false,
  kernel: { name: "generic-6.12", arch: "x86_64", pinned: true },
  boot_args: "console=ttyS0 quiet",
  registered_at: "2026-01-31T12:00:00Z",
};

const pin = {
  version: 1,
  image: "web",
  state_dir: "/home/me/.local/state/banger",
  kernel: { name: "generic-6.12", arch: "x86_64" },
  tree: "generic-6.12_arm64-0123456789ab-01234567",
};

function refusal(parse: (json: string, origin: string) => unknown, document: unknown): string {
  try {
    parse(JSON.stringify(document), "r.json");
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    expect(error.code).toBe("bad-state");
    return error.message;
  }
  throw new Error("it was not refused");
}

describe("an image record", () => {
  test("is read with and without boot arguments; fields that are not known are passed over", () => {
    expect(parseImageRecord(JSON.stringify(record), "r.json")).toMatchObject(record);
    const { boot_args: _, ...rest } = record;
    const parsed = parseImageRecord(JSON.stringify({ ...rest, later: 1 }), "r.json");
    expect(Object.keys(parsed).sort()).toEqual(Object.keys(rest).sort());
  });

  test.each<[string, object]>([
    ["version", { version: 2 }],
    ["name", { name: "a/b" }],
    ["rootfs", { rootfs: "relative.ext4" }],
    ["file_system", { file_system: "ntfs" }],
    ["read_only", { read_only: "no" }],
    ["kernel", { kernel: "generic-6.12" }],
    ["kernel.name", { kernel: { ...record.kernel, name: ".." } }],
    ["kernel.arch", { kernel: { ...record.kernel, arch: "amd64" } }],
    ["kernel.pinned", { kernel: { name: "a", arch: "arm64" } }],
    ["boot_args", { boot_args: null }],
  ])("is refused, naming %s, when that is %j", (field, change) => {
    expect(refusal(parseImageRecord, { ...record, ...change })).toBe(
      `r.json is damaged: ${field} is not as banger writes it`,
    );
  });

  test("is refused when it is no object, or not JSON", () => {
    for (const document of [null, 1, "web", []]) {
      expect(refusal(parseImageRecord, document)).toContain("r.json is damaged");
    }
    expect(() => parseImageRecord("{", "r.json")).toThrow("it is not JSON");
  });
});

describe("a pin", () => {
  test("is read with and without the tree that it holds", () => {
    expect(parseImagePin(JSON.stringify(pin), "r.json")).toMatchObject(pin);
    const { tree: _, ...rest } = pin;
    expect(parseImagePin(JSON.stringify(rest), "r.json")).not.toHaveProperty("tree");
  });

  test.each<[string, object]>([
    ["image", { image: "" }],
    ["state_dir", { state_dir: "state" }],
    ["kernel.name", { kernel: { ...pin.kernel, name: "A" } }],
    ["tree", { tree: "../../etc" }],
    ["tree", { tree: ".staging" }],
    ["tree", { tree: "a/b" }],
    ["tree", { tree: "" }],
  ])("is refused, naming %s, when that is %j", (field, change) => {
    expect(refusal(parseImagePin, { ...pin, ...change })).toBe(
      `r.json is damaged: ${field} is not as banger writes it`,
    );
  });
});
