import type { Arch } from "./arch.ts";
import { valueOf } from "./kconfig.ts";
import { compareVersions, isKernelVersion, type KernelVersion } from "./kernel-version.ts";
import type { KnownConfig } from "./requirements.ts";

/** An option that matters when what runs in the guest is not trusted. */
interface HardeningOption {
  readonly symbol: string;
  readonly wanted: "on" | "off";
  readonly why: string;
  /** Where there is no such option, nothing is said of it. Default: everywhere. */
  readonly arch?: Arch;
  /** Before this version there was no option, and every kernel had it. */
  readonly optionSince?: string;
  /** From this version on every kernel has it, and there is no option any more. */
  readonly alwaysSince?: string;
}

/**
 * @see https://www.kernel.org/doc/html/latest/admin-guide/hw-vuln/index.html
 * @see https://kspp.github.io/Recommended_Settings
 */
const options: readonly HardeningOption[] = [
  on("CPU_MITIGATIONS|SPECULATION_MITIGATIONS", "guards against leaks by speculative execution"),
  on("MITIGATION_PAGE_TABLE_ISOLATION|PAGE_TABLE_ISOLATION", "guards against Meltdown", "x86_64"),
  on("MITIGATION_RETPOLINE|RETPOLINE", "guards against Spectre v2", "x86_64"),
  on("UNMAP_KERNEL_AT_EL0", "guards against Meltdown", "arm64"),
  on("STACKPROTECTOR_STRONG", "catches overwritten stacks"),
  on("VMAP_STACK", "an overflown kernel stack hits a guard page"),
  on("STRICT_KERNEL_RWX", "kernel code cannot be written, data not executed"),
  on("HARDENED_USERCOPY", "bounds are checked when data passes between kernel and programs"),
  on("FORTIFY_SOURCE", "bounds are checked in the kernel's string functions"),
  {
    ...on("REFCOUNT_FULL", "reference counts do not overflow"),
    alwaysSince: "5.5",
  },
  on("SLAB_FREELIST_HARDENED", "lists of free memory are hard to forge"),
  on("SLAB_FREELIST_RANDOM", "addresses of objects are hard to guess"),
  on(
    "RANDOMIZE_BASE",
    "the kernel's address is hard to guess; Firecracker starts it at a fixed one",
  ),
  on("INIT_ON_ALLOC_DEFAULT_ON", "fresh memory holds nothing of its last user"),
  on("INIT_STACK_ALL_ZERO", "fresh stack variables hold nothing of the last call"),
  on("SECURITY", "security modules can be stacked"),
  on("SECURITY_LANDLOCK", "programs can confine themselves"),
  on("SECURITY_LOCKDOWN_LSM", "even root cannot change the running kernel, when asked to"),
  on("SECURITY_YAMA", "ptrace can be limited to children"),
  on("SECCOMP_FILTER", "programs can give up system calls"),
  on("BPF_UNPRIV_DEFAULT_OFF", "BPF is for the privileged, unless a sysctl says otherwise"),
  on("BPF_JIT_ALWAYS_ON", "no BPF interpreter to feed speculation with"),
  on("BUG", "a kernel that finds itself damaged stops"),
  off("DEVMEM", "/dev/mem gives root all of the guest's memory"),
  off("MODULES", "root can load code into the kernel"),
  off("KEXEC", "root can replace the kernel"),
  {
    ...off("LEGACY_TIOCSTI", "a program can type into the terminal of another"),
    optionSince: "6.2",
  },
  off("PROC_KCORE", "root can read all of the kernel's memory"),
  off("DEBUG_FS", "a large surface for root"),
  off("USERFAULTFD", "helps to win races in the kernel; since Linux 5.11 for the privileged only"),
  off("X86_VSYSCALL_EMULATION", "code at a fixed address", "x86_64"),
  off("IA32_EMULATION", "the 32-bit system calls are a second surface", "x86_64"),
  off("COMPAT", "the 32-bit system calls are a second surface", "arm64"),
];

/** An option, and how a kernel has it. */
export interface HardeningFinding {
  /** The symbol that the kernel has, or the first of several that mean the same. */
  readonly symbol: string;
  readonly set: boolean;
  readonly wanted: "on" | "off";
  readonly why: string;
}

/** How a kernel is hardened, option by option; what is no option of its architecture is left out. */
export function judgeHardening(
  { symbols, arch }: KnownConfig,
  version: KernelVersion,
): HardeningFinding[] {
  return options
    .filter((option) => option.arch === undefined || option.arch === arch)
    .map(({ symbol, wanted, why, alwaysSince, optionSince }) => {
      const names = symbol.split("|");
      const isAlways =
        (alwaysSince !== undefined && isFrom(version, alwaysSince)) ||
        (optionSince !== undefined && !isFrom(version, optionSince));
      const set = isAlways ? symbol : names.find((name) => valueOf(symbols, name) !== "n");
      return { symbol: set ?? names[0] ?? symbol, set: set !== undefined, wanted, why };
    });
}

function isFrom(version: KernelVersion, first: string): boolean {
  return isKernelVersion(first) && compareVersions(version, first) >= 0;
}

function on(symbol: string, why: string, arch?: Arch): HardeningOption {
  return { symbol, wanted: "on", why, ...(arch === undefined ? {} : { arch }) };
}

function off(symbol: string, why: string, arch?: Arch): HardeningOption {
  return { symbol, wanted: "off", why, ...(arch === undefined ? {} : { arch }) };
}
