import { judge, type KnownConfig, type Requirements, type Verdict } from "./requirements.ts";

/** The name of a need. */
export type NeedId =
  | "block-root"
  | "initrd-root"
  | "console"
  | "network"
  | "vsock"
  | "entropy"
  | "balloon"
  | "pci"
  | "snapshot-clock";

/** What somebody may want of a kernel under Firecracker. */
interface FirecrackerNeed {
  readonly id: NeedId;
  /** As the end of "this kernel …". */
  readonly title: string;
  readonly requirements: Requirements;
  /** It is needed before any module can be loaded. */
  readonly builtIn: boolean;
}

const rootFileSystems = "EXT4_FS|XFS_FS|BTRFS_FS|SQUASHFS|EROFS_FS";

/**
 * @see https://github.com/firecracker-microvm/firecracker/blob/main/docs/kernel-policy.md
 * @see https://github.com/firecracker-microvm/firecracker/blob/main/docs/pci.md
 */
const needs: readonly FirecrackerNeed[] = [
  {
    id: "block-root",
    title: "boots from a block device",
    builtIn: true,
    requirements: {
      all: ["VIRTIO_BLK", "VIRTIO_MMIO", rootFileSystems],
      x86_64: ["ACPI", "PCI", "KVM_GUEST"],
    },
  },
  {
    id: "initrd-root",
    title: "boots from an initrd",
    builtIn: true,
    requirements: { all: ["BLK_DEV_INITRD"], x86_64: ["ACPI", "PCI", "KVM_GUEST"] },
  },
  {
    id: "console",
    title: "has a serial console",
    builtIn: true,
    requirements: {
      all: ["PRINTK", "SERIAL_8250_CONSOLE"],
      arm64: ["SERIAL_OF_PLATFORM"],
    },
  },
  {
    id: "network",
    title: "has a network",
    builtIn: false,
    requirements: { all: ["VIRTIO_NET", "VIRTIO_MMIO", "INET"] },
  },
  {
    id: "vsock",
    title: "speaks vsock with its host",
    builtIn: false,
    requirements: { all: ["VSOCKETS", "VIRTIO_VSOCKETS", "VIRTIO_MMIO"] },
  },
  {
    id: "entropy",
    title: "takes entropy from its host",
    builtIn: false,
    requirements: { all: ["HW_RANDOM_VIRTIO", "VIRTIO_MMIO"] },
  },
  {
    id: "balloon",
    title: "gives memory back to its host",
    builtIn: false,
    requirements: { all: ["VIRTIO_BALLOON", "VIRTIO_MMIO"] },
  },
  {
    id: "pci",
    title: "runs with --enable-pci",
    builtIn: true,
    requirements: {
      all: ["PCI", "VIRTIO_PCI", "PCI_MSI", "PCIEPORTBUS"],
      x86_64: ["PCI_MMCONFIG"],
      arm64: ["PCI_HOST_GENERIC"],
    },
  },
  {
    id: "snapshot-clock",
    title: "keeps its clock over a snapshot",
    builtIn: false,
    requirements: { all: ["PTP_1588_CLOCK_KVM"], x86_64: ["PARAVIRT_CLOCK"] },
  },
];

/** How far a kernel meets each need, in the order of the table. */
export function judgeNeeds(
  config: KnownConfig | undefined,
): (Verdict & { readonly id: NeedId; readonly title: string })[] {
  return needs.map(({ id, title, requirements, builtIn }) => ({
    id,
    title,
    ...judge(config, requirements, builtIn),
  }));
}
