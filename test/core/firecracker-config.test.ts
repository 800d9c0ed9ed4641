import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import * as fc from "fast-check";
import { parse } from "yaml";

import { BangerError } from "../../src/core/errors.ts";
import {
  type MicrovmInput,
  firecrackerConfig,
  maxBootArgsBytes,
} from "../../src/core/firecracker-config.ts";

const specification = join(
  import.meta.dir,
  "../../../shared/firecracker/firecracker-api-v1.16.1.yaml",
);

const small: MicrovmInput = {
  arch: "x86_64",
  kernelPath: "/k/vmlinux",
  rootfsPath: "/r/root.ext4",
  readOnly: false,
  vcpuCount: 1,
  memSizeMib: 128,
};

const full: MicrovmInput = {
  ...small,
  initrdPath: "/k/initrd.img",
  readOnly: true,
  bootArgs: "console=ttyS0 quiet",
  vcpuCount: 32,
  memSizeMib: 4096,
  tap: "tap0",
  mac: "06:00:AC:10:00:02",
  vsock: { guestCid: 3, udsPath: "/run/v.sock" },
};

function refusal(change: Partial<MicrovmInput>): BangerError {
  try {
    firecrackerConfig({ ...small, ...change });
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Firecracker refuses unknown fields (serde's deny_unknown_fields); its specification does not say so. */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (!isRecord(value)) return value;
  const closed = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, closeObjects(inner)]),
  );
  return isRecord(value["properties"]) ? { ...closed, additionalProperties: false } : closed;
}

function compileSpecification(): ValidateFunction {
  const api: unknown = parse(readFileSync(specification, "utf8"));
  const definitions = isRecord(api) ? closeObjects(api["definitions"]) : undefined;
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  return ajv.compile({ definitions, $ref: "#/definitions/FullVmConfiguration" });
}

describe("firecrackerConfig", () => {
  test("makes the smallest microVM without network and vsock", () => {
    expect(firecrackerConfig(small)).toEqual({
      "boot-source": {
        kernel_image_path: "/k/vmlinux",
        boot_args: "console=ttyS0 reboot=k panic=1",
      },
      drives: [
        {
          drive_id: "rootfs",
          path_on_host: "/r/root.ext4",
          is_root_device: true,
          is_read_only: false,
        },
      ],
      "machine-config": { vcpu_count: 1, mem_size_mib: 128 },
    });
  });

  test("makes the largest microVM", () => {
    expect(firecrackerConfig(full)).toEqual({
      "boot-source": {
        kernel_image_path: "/k/vmlinux",
        boot_args: "console=ttyS0 quiet",
        initrd_path: "/k/initrd.img",
      },
      drives: [
        {
          drive_id: "rootfs",
          path_on_host: "/r/root.ext4",
          is_root_device: true,
          is_read_only: true,
        },
      ],
      "machine-config": { vcpu_count: 32, mem_size_mib: 4096 },
      "network-interfaces": [
        { iface_id: "eth0", host_dev_name: "tap0", guest_mac: "06:00:ac:10:00:02" },
      ],
      vsock: { guest_cid: 3, uds_path: "/run/v.sock" },
    });
  });

  test("keeps the early console on arm64", () => {
    expect(firecrackerConfig({ ...small, arch: "arm64" })["boot-source"].boot_args).toBe(
      "keep_bootcon console=ttyS0 reboot=k panic=1",
    );
  });

  test("leaves the keys out that have no value, also when they are given as undefined", () => {
    const config = firecrackerConfig({
      ...small,
      initrdPath: undefined,
      bootArgs: undefined,
      tap: undefined,
      mac: undefined,
      vsock: undefined,
    });
    expect(JSON.stringify(config)).toBe(JSON.stringify(firecrackerConfig(small)));
    expect(Object.keys(config)).toEqual(["boot-source", "drives", "machine-config"]);
  });

  test.each<[string, Partial<MicrovmInput>]>([
    ["vCPU count is 0, expected a whole number from 1 to 32", { vcpuCount: 0 }],
    ["vCPU count is 33", { vcpuCount: 33 }],
    ["vCPU count is 1.5", { vcpuCount: 1.5 }],
    ["vCPU count is NaN", { vcpuCount: Number.NaN }],
    ["memory size in MiB is 0", { memSizeMib: 0 }],
    ["memory size in MiB is 1046529", { memSizeMib: 1022 * 1024 + 1 }],
    ["memory size in MiB is Infinity", { memSizeMib: Infinity }],
    ["kernel path is empty", { kernelPath: "" }],
    ["root file system path is empty", { rootfsPath: "" }],
    ["initrd path is empty", { initrdPath: "" }],
    [String.raw`kernel path "a\x00b" holds`, { kernelPath: "a\0b" }],
    [String.raw`kernel path "\u{d800}" holds`, { kernelPath: "\ud800" }],
    ["boot arguments are 1793 bytes", { bootArgs: "a".repeat(maxBootArgsBytes + 1) }],
    [String.raw`boot arguments "a\x0ab" hold`, { bootArgs: "a\nb" }],
    ["hold characters other than printable ASCII", { bootArgs: "quiet é" }],
    [`tap device "" is not`, { tap: "" }],
    [`tap device "a123456789abcdef" is not`, { tap: "a123456789abcdef" }],
    [`tap device "a/b" is not`, { tap: "a/b" }],
    [`tap device "a b" is not`, { tap: "a b" }],
    [`tap device "tap%d" is not`, { tap: "tap%d" }],
    [`tap device ".." is not`, { tap: ".." }],
    [String.raw`tap device "\u{202e}pat" is not`, { tap: "\u202epat" }],
    ["is given without a tap device", { mac: "06:00:ac:10:00:02" }],
    ["is not six pairs", { tap: "tap0", mac: "06:00:ac:10:00" }],
    ["is not six pairs", { tap: "tap0", mac: "06-00-ac-10-00-02" }],
    ["is not six pairs", { tap: "tap0", mac: "06:00:ac:10:00:0g" }],
    ["is not six pairs", { tap: "tap0", mac: "06:00:ac:10:00:02\n" }],
    ["is a multicast address", { tap: "tap0", mac: "01:00:5E:00:00:01" }],
    ["is a multicast address", { tap: "tap0", mac: "ff:ff:ff:ff:ff:ff" }],
    ["is all zeros", { tap: "tap0", mac: "00:00:00:00:00:00" }],
    ["vsock guest CID is 2, expected", { vsock: { guestCid: 2, udsPath: "v" } }],
    ["vsock guest CID is 4294967295", { vsock: { guestCid: 2 ** 32 - 1, udsPath: "v" } }],
    ["vsock socket path is empty", { vsock: { guestCid: 3, udsPath: "" } }],
    ["vsock socket path is 108 bytes", { vsock: { guestCid: 3, udsPath: "a".repeat(108) } }],
    ["vsock socket path is 108 bytes", { vsock: { guestCid: 3, udsPath: "é".repeat(54) } }],
  ])("refuses: %s", (message, change) => {
    const error = refusal(change);
    expect(error.code).toBe("usage");
    expect(error.message).toContain(message);
  });

  test("accepts the last value before each limit", () => {
    const config = firecrackerConfig({
      ...full,
      memSizeMib: 1022 * 1024,
      bootArgs: "a".repeat(maxBootArgsBytes),
      tap: "a123456789abcde",
      vsock: { guestCid: 2 ** 32 - 2, udsPath: "a".repeat(107) },
    });
    expect(config.vsock?.guest_cid).toBe(4_294_967_294);
  });

  test("leaves room for all that Firecracker adds to the boot arguments", () => {
    const device = " virtio_mmio.device=4K@0xc0001000:5";
    const longest =
      " pci=off root=/dev/vda rw" + device.repeat(3) + " earlycon=uart,mmio,0x40002000";
    expect(maxBootArgsBytes + longest.length + 1).toBeLessThanOrEqual(2048);
  });

  test("throws nothing but a usage error, and else gives what JSON can carry", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("tap0", "", "\ud800"));
    const number = fc.oneof(fc.double(), fc.integer({ min: -1, max: 40 }));
    const optional = fc.option(text, { nil: undefined });
    const input = fc.record({
      arch: fc.constantFrom("x86_64" as const, "arm64" as const),
      kernelPath: text,
      initrdPath: optional,
      rootfsPath: text,
      readOnly: fc.boolean(),
      bootArgs: optional,
      vcpuCount: number,
      memSizeMib: number,
      tap: optional,
      mac: optional,
      vsock: fc.option(fc.record({ guestCid: number, udsPath: text }), { nil: undefined }),
    });
    fc.assert(
      fc.property(input, (value) => {
        try {
          const config = firecrackerConfig(value);
          expect(JSON.parse(JSON.stringify(config))).toEqual(config);
        } catch (error) {
          if (!(error instanceof BangerError)) throw error;
          expect(error.code).toBe("usage");
        }
      }),
    );
  });

  describe.skipIf(!existsSync(specification))("by Firecracker's own API specification", () => {
    test("is valid with no field that Firecracker does not know", () => {
      const validate = compileSpecification();
      for (const input of [small, full, { ...full, arch: "arm64" as const }]) {
        const valid = validate(firecrackerConfig(input));
        expect(validate.errors ?? []).toEqual([]);
        expect(valid).toBe(true);
      }
    });

    test("would be invalid with a misspelt field, a missing one, or a wrong type", () => {
      const validate = compileSpecification();
      const good = firecrackerConfig(full);
      expect(validate({ ...good, network: [] })).toBe(false);
      expect(validate({ ...good, vsock: { ...good.vsock, cid: 3 } })).toBe(false);
      expect(validate({ ...good, vsock: { guest_cid: 3 } })).toBe(false);
      expect(validate({ ...good, "machine-config": { vcpu_count: 33, mem_size_mib: 1 } })).toBe(
        false,
      );
      expect(
        validate({ ...good, "machine-config": { vcpu_count: 1, mem_size_mib: 1, cpus: 1 } }),
      ).toBe(false);
    });
  });
});
