/** The table and the file of results. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import type { Bench, Figure } from "./bench.ts";
import { distroCorpus, genericCorpus, hugeCorpus } from "./corpora.ts";

const folder = resolve(import.meta.dirname);
const [begin, end] = ["<!-- results -->", "<!-- end of results -->"];

/** What the results hold for: the machine, the versions and the bundles. */
export interface Machine {
  readonly measured: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly bundles: readonly object[];
}

export function describeMachine(bench: Bench): Machine {
  const [cpu] = cpus();
  return {
    measured: new Date().toISOString().slice(0, 10),
    cpu: cpu?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory_bytes: totalmem(),
    kernel: release(),
    versions: {
      banger: firstLine(bench.banger, "--version"),
      bun: Bun.version,
      curl: firstLine("curl", "--version"),
      zstd: firstLine("zstd", "--version"),
      tar: firstLine("tar", "--version"),
      sha256sum: firstLine("sha256sum", "--version"),
      openssl: firstLine("openssl", "version"),
      qemu: firstLine("qemu-system-x86_64", "--version"),
    },
    bundles: [genericCorpus(), distroCorpus(bench.banger), hugeCorpus()].map((corpus) => ({
      name: corpus.title,
      sha256: corpus.entry.tarball_sha256,
      size_bytes: corpus.entry.size_bytes,
      unpacked_bytes: corpus.entry.unpacked_bytes,
      files: corpus.files,
    })),
  };
}

export function isMet(figure: Figure): boolean {
  return figure.value <= figure.atMost;
}

export function formatTable(figures: readonly Figure[]): string {
  const lines = figures.map((figure) =>
    [
      figure.what,
      figure.rival,
      quantity(figure.value, figure.unit),
      `≤ ${quantity(figure.atMost, figure.unit)}`,
      isMet(figure) ? "yes" : "**no**",
      figure.note ?? "",
    ].join(" | "),
  );
  const head = [
    "what | rival | measured | aim | met | medians",
    "--- | --- | --- | --- | --- | ---",
  ];
  return [...head, ...lines].map((line) => `| ${line} |`).join("\n");
}

/** Writes bench/results.json, and the table between its marks in bench/README.md. */
export function writeResults(machine: Machine, figures: readonly Figure[]): void {
  const results = { ...machine, figures };
  writeFileSync(join(folder, "results.json"), `${JSON.stringify(results, null, 1)}\n`);
  const readme = join(folder, "README.md");
  const text = readFileSync(readme, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${readme} has no place for results`);
  const about = `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; ${machine.measured}.`;
  const table = [about, "", formatTable(figures)].join("\n");
  writeFileSync(readme, `${before}${begin}\n\n${table}\n\n${end}${after}`);
}

function quantity(value: number, unit: Figure["unit"]): string {
  return unit === "×" ? `${value.toFixed(2)} ×` : `${Math.round(value)} ${unit}`;
}

function firstLine(file: string, ...args: readonly string[]): string {
  const text = execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return text.split("\n")[0]?.trim() ?? "";
}
