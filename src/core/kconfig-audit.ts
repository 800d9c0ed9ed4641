import { BangerError } from "./errors.ts";
import { type Deviation, deviations, type Kconfig, valueOf } from "./kconfig.ts";

/** What a finished configuration is held to. */
export interface KconfigRules {
  /** Firecracker's configuration, which may drift where {@link allowedDrift} says so. */
  readonly base: Kconfig;
  /** What was put on top of it; every symbol of it must be as it was asked for. */
  readonly asked: Kconfig;
  /** Asked for, and not to be had in this line. */
  readonly unavailable: ReadonlySet<string>;
  /** Must be built in. */
  readonly required: readonly string[];
  /** Must not be set. */
  readonly forbidden: readonly string[];
  readonly allowedDrift: ReadonlySet<string>;
}

/** Symbols that say which tools built it, not what was built. */
const ofToolchain =
  /^(?:AS|CC|CLANG|GCC|LD|LLD|PAHOLE|RUSTC)_(?:VERSION|VERSION_TEXT)$|^(?:AS|CC|LD|TOOLS|PAHOLE|RUSTC)_(?:HAS|IS|CAN|SUPPORT)/;

/**
 * Everything that is wrong with a configuration after `make olddefconfig`, which drops symbols in
 * silence: symbols that were asked for and are gone, modules, an initial RAM disk that is built in,
 * and differences from Firecracker's configuration that nobody allowed.
 *
 * @returns one line each, sorted within their kind; empty when all is well.
 */
export function auditKconfig(config: Kconfig, rules: KconfigRules): string[] {
  const dropped = deviations(config, rules.asked).filter(
    ({ symbol }) => !rules.unavailable.has(symbol),
  );
  const drift = deviations(config, rules.base).filter(
    ({ symbol }) =>
      !rules.asked.has(symbol) && !rules.allowedDrift.has(symbol) && !ofToolchain.test(symbol),
  );
  const modules = [...config].filter(([, value]) => value === "m").map(([symbol]) => symbol);
  const missing = rules.required.filter((symbol) => valueOf(config, symbol) !== "y");
  const present = rules.forbidden.filter((symbol) => valueOf(config, symbol) !== "n");
  const initramfs = config.get("INITRAMFS_SOURCE") ?? '""';
  return [
    ...dropped.map((item) => `asked for and not there: ${shown(item)}`).sort(),
    ...missing.map((symbol) => `must be built in: CONFIG_${symbol}`).sort(),
    ...present.map((symbol) => `must not be set: CONFIG_${symbol}`).sort(),
    ...modules.map((symbol) => `is a module: CONFIG_${symbol}=m`).sort(),
    ...(initramfs === '""' ? [] : [`an initial RAM disk is built in: ${initramfs}`]),
    ...drift.map((item) => `drifted from Firecracker's configuration: ${shown(item)}`).sort(),
  ];
}

/**
 * Refuses a configuration with findings.
 *
 * @param recipe how the error calls the recipe, e.g. its path.
 * @throws {BangerError} `verification-failed`; its hint is the list of findings.
 */
export function requireSoundKconfig(config: Kconfig, rules: KconfigRules, recipe: string): void {
  const findings = auditKconfig(config, rules);
  if (findings.length === 0) return;
  throw new BangerError(
    "verification-failed",
    `the configuration is not what ${recipe} asks for: ${findings.length} ${findings.length === 1 ? "symbol is" : "symbols are"} wrong`,
    {
      hint: [
        ...findings,
        `what cannot be had belongs in "unavailable" or "drift" of ${recipe}, with the reason`,
      ].join("\n"),
    },
  );
}

function shown({ symbol, wanted, found }: Deviation): string {
  return `CONFIG_${symbol} is ${found}, wanted ${wanted}`;
}
