import type { Arch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import { judgeTags } from "./feature-tags.ts";
import { judgeNeeds } from "./firecracker-needs.ts";
import { judgeHardening, type HardeningFinding } from "./hardening.ts";
import type { Kconfig } from "./kconfig.ts";
import type { Banner, BannerParts } from "./kernel-banner.ts";
import type { KernelVersion } from "./kernel-version.ts";
import type { KnownConfig } from "./requirements.ts";
import type { Sha256 } from "./sha256.ts";

/** How a kernel is started. */
export type BootProtocol = "pvh" | "linux64" | "arm64-image";

/** A part of a kernel, and where it goes in the guest's physical memory. */
export interface LoadedSegment {
  readonly address: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
}

/** The configuration of a kernel, and how it is known. */
export interface FoundConfig {
  readonly from: "embedded" | "beside";
  /** Where it was read, when it is beside the kernel. */
  readonly file: string | undefined;
  readonly symbols: Kconfig;
}

/** What the bytes of a kernel say, which Firecracker would load. */
export interface KernelFacts {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
  readonly arch: Arch;
  readonly banner: Banner;
  /** Undefined when the banner does not tell. */
  readonly build: BannerParts | undefined;
  readonly version: KernelVersion;
  readonly protocol: BootProtocol;
  /** Where it starts: a physical address; for an arm64 Image from where it is loaded. */
  readonly entry: number;
  /** In the order of the file; for an arm64 Image one, from where it is loaded. */
  readonly segments: readonly LoadedSegment[];
  /** What the kernel itself takes, up to the end of its last segment: a guest needs more. */
  readonly memoryBytes: number;
  /** Undefined: not embedded, and not beside it. */
  readonly config: FoundConfig | undefined;
  /** Whether what is `=m` can be loaded: its modules are beside it. */
  readonly hasModules: boolean;
}

/** What {@link KernelFacts} mean for somebody who wants to boot the kernel. */
export interface KernelVerdicts {
  readonly needs: ReturnType<typeof judgeNeeds>;
  readonly tags: ReturnType<typeof judgeTags>;
  /** Undefined: the configuration is not known. */
  readonly hardening: readonly HardeningFinding[] | undefined;
}

/** Holds a kernel against every table: needs of Firecracker, feature tags, hardening. */
export function judgeKernel(facts: KernelFacts): KernelVerdicts {
  const { config, arch, hasModules, version } = facts;
  const known: KnownConfig | undefined = config && { symbols: config.symbols, arch, hasModules };
  return {
    needs: judgeNeeds(known),
    tags: judgeTags(known),
    hardening: known && judgeHardening(known, version),
  };
}

/**
 * Returns if there is a way to start the kernel, or none is known to be closed.
 *
 * @throws {BangerError} `wrong-image`, when its configuration has neither what a block root needs nor what an
 * initrd does.
 */
export function requireWay({ file }: KernelFacts, { needs }: KernelVerdicts): void {
  const ways = needs.filter(({ id }) => id === "block-root" || id === "initrd-root");
  const missing = ways.flatMap((way) => (way.verdict === "no" ? [way.missing.join(", ")] : []));
  if (missing.length < ways.length) return;
  const [block = "", initrd = ""] = missing;
  throw new BangerError("wrong-image", `${file} has no way to boot: it misses ${block}`, {
    hint: `for a boot from an initrd it misses ${initrd}\nset these in the kernel's configuration, and build it again`,
  });
}
