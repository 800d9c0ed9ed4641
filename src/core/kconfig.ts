import { BangerError } from "./errors.ts";

/**
 * A kernel configuration: symbols without `CONFIG_`, values as they are written: `y`, `m`, a number, a
 * text in its quotes. `n` stands for "is not set".
 *
 * @see https://docs.kernel.org/kbuild/kconfig.html
 */
export type Kconfig = ReadonlyMap<string, string>;

/** No configuration may be larger: 4 MiB. */
export const maxKconfigBytes: number = 4 * 2 ** 20;

/** In characters. Patterns take their time over longer ones, and then give up. */
const maxLineLength = 2 ** 15;

const setLine = /^CONFIG_([A-Za-z0-9_]+)=(y|m|n|-?\d+|0x[0-9A-Fa-f]+|"(?:[^"\\]|\\.)*")$/;
const unsetLine = /^# CONFIG_([A-Za-z0-9_]+) is not set$/;

/**
 * Reads a `.config` or a fragment of one. Where a symbol stands twice the later value counts, as it
 * does for Kconfig.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `failed`, naming the line that is neither a symbol, a comment nor empty, or has
 * more than 32,768 characters.
 */
export function parseKconfig(text: string, origin: string): Kconfig {
  const symbols = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    const isShort = line.length <= maxLineLength;
    const set = isShort ? setLine.exec(line) : null;
    const unset = isShort ? unsetLine.exec(line) : null;
    const name = set?.[1] ?? unset?.[1];
    if (name !== undefined) {
      symbols.set(name, set?.[2] ?? "n");
    } else if (line.trim() !== "" && !line.startsWith("#")) {
      throw new BangerError(
        "failed",
        `${origin}, line ${index + 1}: ${JSON.stringify(line.slice(0, 80))} is no configuration symbol`,
        { hint: "a line is CONFIG_NAME=value, # CONFIG_NAME is not set, a comment or empty" },
      );
    }
  }
  return symbols;
}

/** The value of a symbol; a symbol that is not there is not set. */
export function valueOf(config: Kconfig, symbol: string): string {
  return config.get(symbol) ?? "n";
}

/** Several configurations as one; where a symbol stands in more than one, the last counts. */
export function mergeKconfigs(...configs: readonly Kconfig[]): Kconfig {
  return new Map(configs.flatMap((config) => [...config]));
}

/** A configuration as `make olddefconfig` takes it. */
export function formatKconfig(config: Kconfig): string {
  return [...config]
    .map(([symbol, value]) =>
      value === "n" ? `# CONFIG_${symbol} is not set\n` : `CONFIG_${symbol}=${value}\n`,
    )
    .join("");
}

/** A symbol that has another value than the one that was wanted. */
export interface Deviation {
  readonly symbol: string;
  readonly wanted: string;
  readonly found: string;
}

/** The symbols of `wanted` that have another value in `config`, in the order of `wanted`. */
export function deviations(config: Kconfig, wanted: Kconfig): Deviation[] {
  return [...wanted]
    .map(([symbol, value]) => ({ symbol, wanted: value, found: valueOf(config, symbol) }))
    .filter(({ wanted: value, found }) => value !== found);
}
