import path from "node:path";
import type { Command } from "commander";
import type { FeatureTag } from "../../core/feature-tags.ts";
import type { KernelFacts, KernelVerdicts } from "../../core/kernel-facts.ts";
import type { Verdict } from "../../core/requirements.ts";
import { formatBytes, formatMib } from "../../core/sizes.ts";
import { archOf, referenceOf, type Run } from "../app.ts";
import { forEachName } from "../each.ts";
import type { Output } from "../output.ts";
import { renderFields } from "../table.ts";
import { joined, tagsOf } from "../tags.ts";

interface Options {
  readonly arch?: string;
  readonly needs?: string;
}

/** `kernel check`. */
export function addKernelCheck(kernel: Command, run: Run): void {
  kernel
    .command("check")
    .summary("tell what a kernel is and can do, from its bytes")
    .description(
      "Read a kernel and tell whether Firecracker boots it, what it can do, and how it is hardened. Nothing is run. Exit 4 when Firecracker does not boot it, 7 when --needs is not met or its configuration is not known.",
    )
    .argument("<name|file...>", "installed kernels, NAME[:ARCH][@BUILD], or files")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--needs <tags>", "features that it must have: docker,ebpf", joined)
    .action(
      run(async (app, names, options: Options) => {
        const { kernelTarget } = await import("../../ops/kernel-target.ts");
        const { inspectKernel } = await import("../../ops/inspect-kernel.ts");
        const { judgeKernel, requireWay } = await import("../../core/kernel-facts.ts");
        const needed = await tagsOf(options.needs, "--needs");
        const arch = archOf(options.arch);
        return forEachName(app, "kernels", names, async (name) => {
          const target = await kernelTarget(app.context, name, arch, (text) =>
            referenceOf(app, text, options.arch),
          );
          const facts = inspectKernel(app.context, target);
          const verdicts = judgeKernel(facts);
          requireWay(facts, verdicts);
          const unmet = verdicts.tags.filter(
            ({ tag, verdict }) => needed.includes(tag) && verdict !== "yes",
          );
          const isAnswered = facts.config !== undefined && unmet.length === 0;
          return {
            json: {
              name,
              ...factsDocument(facts),
              ...verdictsDocument(verdicts),
              needs: needed.length === 0 ? null : { tags: needed, met: unmet.length === 0 },
            },
            text: report(app.output, name, facts, verdicts, needed),
            exitCode: isAnswered ? undefined : 7,
          };
        });
      }),
    );
}

/** @see docs/formats/cli.md */
function factsDocument(facts: KernelFacts): Readonly<Record<string, unknown>> {
  const { banner, config } = facts;
  return {
    file: path.resolve(facts.file),
    size_bytes: facts.sizeBytes,
    sha256: facts.sha256,
    arch: facts.arch,
    kernel_version: facts.version,
    release: banner.release,
    banner: banner.text,
    builder: facts.build?.builder ?? null,
    compiler: facts.build?.compiler ?? null,
    build: facts.build?.build ?? null,
    boot: {
      protocol: facts.protocol,
      entry: facts.entry,
      memory_bytes: facts.memoryBytes,
      segments: facts.segments.map(({ address, fileBytes, memoryBytes }) => ({
        address,
        file_bytes: fileBytes,
        memory_bytes: memoryBytes,
      })),
    },
    config:
      config === undefined
        ? null
        : {
            from: config.from,
            file: config.file === undefined ? null : path.resolve(config.file),
            symbols: config.symbols.size,
          },
  };
}

function verdictsDocument(verdicts: KernelVerdicts): Readonly<Record<string, unknown>> {
  return {
    firecracker: verdicts.needs.map(({ id, ...verdict }) => ({ id, ...verdictDocument(verdict) })),
    features: verdicts.tags.map(({ tag, ...verdict }) => ({ tag, ...verdictDocument(verdict) })),
    hardening: verdicts.hardening ?? null,
  };
}

function verdictDocument(verdict: Verdict): { verdict: string; missing: readonly string[] } {
  return { verdict: verdict.verdict, missing: missingOf(verdict) };
}

function missingOf(verdict: Verdict): readonly string[] {
  return verdict.verdict === "no" ? verdict.missing : [];
}

const protocols = {
  pvh: "PVH, at",
  linux64: "64-bit Linux, at",
  "arm64-image": "arm64 Image, from its start +",
} as const;

function report(
  output: Output,
  name: string,
  facts: KernelFacts,
  verdicts: KernelVerdicts,
  needed: readonly FeatureTag[],
): string {
  const { config, segments, build } = facts;
  const first = segments.reduce((least, { address }) => Math.min(least, address), Infinity);
  const fields: (readonly [string, string])[] = [
    ["kernel", name],
    ["image", `Linux ${facts.banner.release} for ${facts.arch}, ${formatBytes(facts.sizeBytes)}`],
    ["file", facts.file],
    ["sha256", facts.sha256],
    ["compiler", build?.compiler ?? "not told"],
    ["built", build === undefined ? "not told" : `${build.build}, by ${build.builder}`],
    ["boot", `${protocols[facts.protocol]} ${hex(facts.entry)}`],
    [
      "memory",
      `${segments.length} ${segments.length === 1 ? "segment" : "segments"} from ${hex(first)} to ${hex(facts.memoryBytes)}; give the guest more than ${formatMib(facts.memoryBytes)}`,
    ],
    ["configuration", configWords(config)],
  ];
  const has = verdicts.tags.filter(({ verdict }) => verdict === "yes").map(({ tag }) => tag);
  const lacks = verdicts.tags.filter(({ verdict }) => verdict === "no");
  return [
    renderFields(output, fields),
    section(
      output,
      "Firecracker",
      verdicts.needs.map((need) => [verdictWord(need), need.title, missingOf(need).join(", ")]),
    ),
    config === undefined
      ? ""
      : section(output, "Features", [
          ["yes", has.length === 0 ? "none" : has.join(", ")],
          ...lacks.map((lack) => ["no", lack.tag, missingOf(lack).join(", ")] as const),
        ]),
    hardeningText(output, verdicts),
    needed.length === 0
      ? ""
      : section(
          output,
          "Needs",
          verdicts.tags
            .filter(({ tag }) => needed.includes(tag))
            .map((tag) => [verdictWord(tag), tag.tag, missingOf(tag).join(", ")]),
        ),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function configWords(config: KernelFacts["config"]): string {
  if (config === undefined) return "not embedded (CONFIG_IKCONFIG), and not beside the file";
  const where = config.from === "embedded" ? "embedded" : config.file;
  return `${where}, ${config.symbols.size} symbols`;
}

function hardeningText(output: Output, { hardening }: KernelVerdicts): string {
  if (hardening === undefined) return "";
  const good = hardening.filter(({ set, wanted }) => set === (wanted === "on"));
  const rows = hardening.map(
    ({ symbol, set, wanted, why }) =>
      [
        set === (wanted === "on") ? "good" : "weak",
        `${symbol} ${set ? "on" : "off"}`,
        why,
      ] as const,
  );
  return section(output, `Hardening: ${good.length} of ${hardening.length}`, rows);
}

function verdictWord({ verdict }: Verdict): string {
  return verdict === "unknown" ? "?" : verdict;
}

/** A heading, and rows of a mark, a name and what there is to say of it. */
function section(
  output: Output,
  heading: string,
  rows: readonly (readonly [string, string, string?])[],
): string {
  const width = Math.max(...rows.map(([, name, rest = ""]) => (rest === "" ? 0 : name.length)));
  const lines = rows.map(([mark, name, rest = ""]) =>
    `  ${mark.padEnd(4)}  ${rest === "" ? name : name.padEnd(width)}  ${rest}`.trimEnd(),
  );
  return [output.paint("bold", heading), ...lines].join("\n");
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
