/** The commands that start virtual machines. QEMU's are run in test/e2e; Firecracker's are held to its specification. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usableVmms } from "../../src/boot/choose-vmm.ts";
import { firecrackerCommand } from "../../src/boot/firecracker.ts";
import type { MachineInput, Vmm } from "../../src/boot/machine.ts";
import { qemuCommand } from "../../src/boot/qemu.ts";
import { firecrackerProblems, hasFirecrackerSchema } from "../support/firecracker-schema.ts";
import { outcomeOf, testContext } from "../support/context.ts";

const firecracker: Vmm = {
  name: "firecracker",
  program: "firecracker",
  machine: "firecracker",
  accelerator: "kvm",
};

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-commands-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const machine = (changes: Partial<MachineInput> = {}): MachineInput => ({
  arch: "x86_64",
  kernel: "/kernels/vmlinux",
  disk: { descriptor: 20 },
  diskIsReadOnly: false,
  initrd: undefined,
  bootArgs: ["console=ttyS0", "banger_end=restart"],
  memoryMib: 256,
  without: new Set(),
  ...changes,
});

/** The configuration of the command, from the descriptor that Firecracker would read it from. */
function configOf(input: MachineInput): unknown {
  const vsock = { guestCid: 3, udsPath: "/tmp/vsock" };
  using command = firecrackerCommand(firecracker, input, folder, vsock);
  const { args, descriptors } = command;
  expect(args.slice(0, 4)).toEqual(["--no-api", "--level", "Error", "--config-file"]);
  expect(args[4]).toBe(`/proc/self/fd/${descriptors.length + 2}`);
  return JSON.parse(readFileSync(`/proc/self/fd/${descriptors.at(-1)}`, "utf8"));
}

describe("Firecracker's command", () => {
  test("hands over kernel, disk and initrd by the descriptors that it gets", () => {
    expect(configOf(machine({ initrd: { descriptor: 21 } }))).toEqual({
      "boot-source": {
        kernel_image_path: "/kernels/vmlinux",
        boot_args: "console=ttyS0 banger_end=restart",
        initrd_path: "/proc/self/fd/3",
      },
      drives: [
        {
          drive_id: "rootfs",
          path_on_host: "/proc/self/fd/4",
          is_root_device: true,
          is_read_only: false,
        },
      ],
      "machine-config": { vcpu_count: 1, mem_size_mib: 256 },
      vsock: { guest_cid: 3, uds_path: "/tmp/vsock" },
      entropy: {},
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("leaves out what is to be left out", () => {
    const config = configOf(machine({ without: new Set(["disk", "entropy"]) }));
    expect(config).toMatchObject({ drives: [] });
    expect(config).not.toHaveProperty("entropy");
  });

  test.skipIf(!hasFirecrackerSchema)("is what Firecracker's specification allows", () => {
    for (const without of [new Set<never>(), new Set(["disk"] as const)]) {
      expect(firecrackerProblems(configOf(machine({ without })))).toEqual([]);
    }
  });
});

describe("QEMU's command", () => {
  const qemu = { name: "qemu", program: "q", machine: "microvm", accelerator: "kvm" } as const;

  test("gives KVM the host's processor and leaves its clock alone", () => {
    const { args } = qemuCommand(qemu, machine());
    expect(args.join(" ")).toContain("-cpu host");
    expect(args.join(" ")).toContain("-accel kvm");
    expect(args.join(" ")).not.toContain("tsc_early_khz");
  });

  test("writes a comma in a path twice, and throws away what is written to a disk of somebody's", () => {
    const { args } = qemuCommand(qemu, machine({ disk: "/a,b/rootfs", diskIsReadOnly: true }));
    expect(args).toContain("id=disk,file=/a,,b/rootfs,format=raw,if=none,snapshot=on");
  });
});

describe("the monitors that can be used", () => {
  test("of an architecture that is not the machine's have no KVM", () => {
    const { environment } = testContext();
    const vmms = usableVmms(environment, "arm64", "auto");
    expect(vmms.map(({ accelerator }) => accelerator)).toEqual(["tcg"]);
  });

  test("have no Firecracker for it either, and the error says why", async () => {
    const outcome = await outcomeOf(() =>
      usableVmms(testContext().environment, "arm64", "firecracker"),
    );
    expect(outcome).toMatch(
      /^failed: (?:there is no program firecracker|Firecracker runs kernels for)/,
    );
  });
});
