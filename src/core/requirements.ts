import type { Arch } from "./arch.ts";
import { type Kconfig, valueOf } from "./kconfig.ts";

/** A symbol without `CONFIG_`, or several of which one is enough: `IP_NF_IPTABLES|IP_NF_IPTABLES_LEGACY`. */
export type Requirement = string;

/** What a configuration must have, on every architecture and on one. */
export interface Requirements {
  readonly all: readonly Requirement[];
  readonly x86_64?: readonly Requirement[];
  readonly arm64?: readonly Requirement[];
}

/** How far a configuration meets what is required. */
export type Verdict =
  | { readonly verdict: "yes" }
  /** `missing`: as they are required; `NAME=m` for what is a module where none can be loaded. */
  | { readonly verdict: "no"; readonly missing: readonly string[] }
  /** The configuration is not known. */
  | { readonly verdict: "unknown" };

/** The configuration of a kernel, and whether what is `=m` in it can be loaded. */
export interface KnownConfig {
  readonly symbols: Kconfig;
  readonly arch: Arch;
  readonly hasModules: boolean;
}

/**
 * Holds a configuration against what is required.
 *
 * @param config undefined: not known.
 * @param builtIn whether a module does not do, even where modules can be loaded.
 */
export function judge(
  config: KnownConfig | undefined,
  requirements: Requirements,
  builtIn = false,
): Verdict {
  if (config === undefined) return { verdict: "unknown" };
  const { symbols, arch, hasModules } = config;
  const isModuleGood = hasModules && !builtIn;
  const missing = [...requirements.all, ...(requirements[arch] ?? [])].flatMap((requirement) => {
    const values = requirement.split("|").map((symbol) => valueOf(symbols, symbol));
    if (values.some((value) => value === "y" || (value === "m" && isModuleGood))) return [];
    return [values.includes("m") ? `${requirement}=m` : requirement];
  });
  return missing.length === 0 ? { verdict: "yes" } : { verdict: "no", missing };
}
