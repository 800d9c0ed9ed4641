import { judge, type KnownConfig, type Requirements, type Verdict } from "./requirements.ts";

/** The name of something that a kernel may be able to do. */
export type FeatureTag =
  | "docker"
  | "nftables"
  | "iptables"
  | "wireguard"
  | "tailscale"
  | "ebpf"
  | "btf"
  | "landlock"
  | "fuse"
  | "overlayfs"
  | "xfs"
  | "btrfs"
  | "virtiofs"
  | "kubernetes"
  | "nested-kvm"
  | "io_uring"
  | "psi"
  | "cgroup2"
  | "vsock-loopback";

const controlGroups = [
  "CGROUPS",
  "MEMCG",
  "BLK_CGROUP",
  "CGROUP_SCHED",
  "CFS_BANDWIDTH",
  "CGROUP_PIDS",
  "CGROUP_FREEZER",
  "CPUSETS",
  "CGROUP_DEVICE",
  "CGROUP_CPUACCT",
  "CGROUP_BPF",
];

const iptables = [
  "NETFILTER_XTABLES",
  "IP_NF_IPTABLES|IP_NF_IPTABLES_LEGACY",
  "IP_NF_FILTER",
  "IP_NF_NAT",
  "IP_NF_MANGLE",
  "IP_NF_RAW",
  "IP_NF_TARGET_REJECT",
  "NETFILTER_XT_TARGET_MASQUERADE|IP_NF_TARGET_MASQUERADE",
  "NETFILTER_XT_MARK",
  "NETFILTER_XT_MATCH_ADDRTYPE",
  "NETFILTER_XT_MATCH_CONNTRACK",
];

const ebpf = ["BPF", "BPF_SYSCALL", "BPF_JIT", "BPF_EVENTS", "CGROUP_BPF", "NET_CLS_BPF"];
const wireguard = ["NET", "INET", "WIREGUARD"];

const docker = [
  "NAMESPACES",
  "UTS_NS",
  "IPC_NS",
  "PID_NS",
  "NET_NS",
  "USER_NS",
  ...controlGroups,
  "KEYS",
  "POSIX_MQUEUE",
  "SECCOMP_FILTER",
  "OVERLAY_FS",
  "VETH",
  "BRIDGE",
  "BRIDGE_NETFILTER",
  "NF_CONNTRACK",
  "NF_NAT",
  ...iptables,
];

/**
 * What people ask a kernel for, by the name that they give it. A tag holds when every requirement does. A
 * new tag is a new line here and in docs/kernel-check.md.
 *
 * @see https://github.com/moby/moby/blob/master/contrib/check-config.sh for docker
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/ for kubernetes
 * @see https://tailscale.com/kb/1112/userspace-networking for tailscale
 */
const tags: Readonly<Record<FeatureTag, Requirements>> = {
  docker: { all: docker },
  nftables: {
    all: [
      "NETFILTER_NETLINK",
      "NF_TABLES",
      "NF_TABLES_INET",
      "NF_TABLES_IPV4",
      "NF_TABLES_IPV6",
      "NFT_CT",
      "NFT_LOG",
      "NFT_LIMIT",
      "NFT_MASQ",
      "NFT_NAT",
      "NFT_REDIR",
      "NFT_REJECT",
      "NFT_REJECT_INET",
      "NFT_FIB_INET",
      "NFT_COMPAT",
    ],
  },
  iptables: { all: iptables },
  wireguard: { all: wireguard },
  tailscale: {
    all: [
      "TUN",
      "IP_ADVANCED_ROUTER",
      "IP_MULTIPLE_TABLES",
      "IPV6_MULTIPLE_TABLES",
      "NETFILTER_XT_MARK",
      "NETFILTER_XT_CONNMARK|NETFILTER_XT_TARGET_CONNMARK",
      "NF_TABLES|IP_NF_FILTER",
    ],
  },
  ebpf: { all: ebpf },
  btf: { all: ["DEBUG_INFO_BTF"] },
  landlock: { all: ["SECURITY_LANDLOCK"] },
  fuse: { all: ["FUSE_FS"] },
  overlayfs: { all: ["OVERLAY_FS"] },
  xfs: { all: ["XFS_FS"] },
  btrfs: { all: ["BTRFS_FS"] },
  virtiofs: { all: ["FUSE_FS", "VIRTIO_FS"] },
  kubernetes: {
    all: [
      ...docker,
      "CGROUP_HUGETLB",
      "IP_SET",
      "IP_VS",
      "IP_VS_RR",
      "NETFILTER_XT_SET",
      "NETFILTER_XT_MATCH_COMMENT",
      "NETFILTER_XT_MATCH_MULTIPORT",
      "NETFILTER_XT_MATCH_STATISTIC",
      "NETFILTER_XT_MATCH_RECENT",
      "NETFILTER_XT_MATCH_IPVS",
      "VXLAN",
      "INET_DIAG",
    ],
  },
  "nested-kvm": { all: ["KVM"], x86_64: ["KVM_INTEL|KVM_AMD"] },
  io_uring: { all: ["IO_URING"] },
  psi: { all: ["PSI"] },
  cgroup2: { all: controlGroups },
  "vsock-loopback": { all: ["VSOCKETS", "VSOCKETS_LOOPBACK"] },
};

/** Whether there is a tag of that name. */
export function isFeatureTag(text: string): text is FeatureTag {
  return Object.hasOwn(tags, text);
}

/** All tags, in the order of the table. */
export const featureTags: readonly FeatureTag[] = Object.keys(tags).filter(isFeatureTag);

/** How far a kernel has each feature, in the order of the table. */
export function judgeTags(
  config: KnownConfig | undefined,
): (Verdict & { readonly tag: FeatureTag })[] {
  return featureTags.map((tag) => ({ tag, ...judge(config, tags[tag]) }));
}
