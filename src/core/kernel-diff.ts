import type { Arch } from "./arch.ts";
import type { FeatureTag } from "./feature-tags.ts";
import type { NeedId } from "./firecracker-needs.ts";
import { type Kconfig, valueOf } from "./kconfig.ts";
import { type BootProtocol, judgeKernel, type KernelFacts } from "./kernel-facts.ts";
import type { Verdict } from "./requirements.ts";

/** Something that is one thing in the first kernel and another in the second. */
export interface Change<Value> {
  readonly from: Value;
  readonly to: Value;
}

/** A configuration symbol that the two kernels have otherwise. */
export interface SymbolChange extends Change<string> {
  readonly symbol: string;
}

/** How the configurations of two kernels differ; each list sorted by symbol. */
export interface ConfigDiff {
  /** Set in the second only, to `to`. */
  readonly added: readonly SymbolChange[];
  /** Set in the first only, to `from`. */
  readonly removed: readonly SymbolChange[];
  readonly changed: readonly SymbolChange[];
}

/** How a second kernel differs from a first. */
export interface KernelDiff {
  /** Every byte is the same. */
  readonly identical: boolean;
  readonly release: Change<string>;
  readonly arch: Change<Arch>;
  readonly sizeBytes: Change<number>;
  readonly memoryBytes: Change<number>;
  readonly protocol: Change<BootProtocol>;
  readonly compiler: Change<string | undefined>;
  /** Undefined: the configuration of one is not known. */
  readonly config: ConfigDiff | undefined;
  readonly featuresWon: readonly FeatureTag[];
  readonly featuresLost: readonly FeatureTag[];
  readonly needsWon: readonly NeedId[];
  readonly needsLost: readonly NeedId[];
}

/** Compares what two kernels are and can do. What is not known of one of them is neither won nor lost. */
export function diffKernels(a: KernelFacts, b: KernelFacts): KernelDiff {
  const [before, after] = [judgeKernel(a), judgeKernel(b)];
  return {
    identical: a.sha256 === b.sha256,
    release: { from: a.banner.release, to: b.banner.release },
    arch: { from: a.arch, to: b.arch },
    sizeBytes: { from: a.sizeBytes, to: b.sizeBytes },
    memoryBytes: { from: a.memoryBytes, to: b.memoryBytes },
    protocol: { from: a.protocol, to: b.protocol },
    compiler: { from: a.build?.compiler, to: b.build?.compiler },
    config: a.config && b.config && diffConfigs(a.config.symbols, b.config.symbols),
    featuresWon: turned(before.tags, after.tags, "yes").map(({ tag }) => tag),
    featuresLost: turned(before.tags, after.tags, "no").map(({ tag }) => tag),
    needsWon: turned(before.needs, after.needs, "yes").map(({ id }) => id),
    needsLost: turned(before.needs, after.needs, "no").map(({ id }) => id),
  };
}

/** The rows of `to` that have come to `wanted`; what was not known has not. */
function turned<Row extends Verdict>(
  from: readonly Row[],
  to: readonly Row[],
  wanted: "yes" | "no",
): Row[] {
  return to.filter(({ verdict }, index) => {
    const old = from[index]?.verdict;
    return verdict === wanted && old !== wanted && old !== "unknown";
  });
}

/** Compares two configurations; a symbol that is not there is not set. */
export function diffConfigs(a: Kconfig, b: Kconfig): ConfigDiff {
  const changes = [...new Set([...a.keys(), ...b.keys()])]
    .toSorted()
    .map((symbol) => ({ symbol, from: valueOf(a, symbol), to: valueOf(b, symbol) }))
    .filter(({ from, to }) => from !== to);
  return {
    added: changes.filter(({ from }) => from === "n"),
    removed: changes.filter(({ to }) => to === "n"),
    changed: changes.filter(({ from, to }) => from !== "n" && to !== "n"),
  };
}
