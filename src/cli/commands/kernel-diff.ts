import type { Command } from "commander";
import { escapeControls } from "../../core/escape.ts";
import type { Change, ConfigDiff, KernelDiff } from "../../core/kernel-diff.ts";
import { formatBytes, formatMib } from "../../core/sizes.ts";
import { archOf, referenceOf, type Run } from "../app.ts";
import type { Output } from "../output.ts";
import { renderFields } from "../table.ts";

interface Options {
  readonly arch?: string;
}

/** `kernel diff`. */
export function addKernelDiff(kernel: Command, run: Run): void {
  kernel
    .command("diff")
    .summary("tell how two kernels differ")
    .description(
      "Compare two kernels: version, size, boot protocol, configuration, and what the second can do and the first cannot.",
    )
    .argument("<a>", "an installed kernel, NAME[:ARCH][@BUILD], or a file")
    .argument("<b>", "the same")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .action(
      run(async (app, [a = "", b = ""], options: Options) => {
        const { kernelTarget } = await import("../../ops/kernel-target.ts");
        const { inspectKernel } = await import("../../ops/inspect-kernel.ts");
        const { diffKernels } = await import("../../core/kernel-diff.ts");
        const arch = archOf(options.arch);
        const facts = [];
        for (const text of [a, b]) {
          const target = await kernelTarget(app.context, text, arch, (name) =>
            referenceOf(app, name, options.arch),
          );
          facts.push(inspectKernel(app.context, target));
        }
        const [first, second] = facts;
        if (first === undefined || second === undefined) throw new Error("two were inspected");
        const diff = diffKernels(first, second);
        if (diff.config === undefined) {
          const silent = first.config === undefined ? a : b;
          app.output.warn(`the configuration of ${silent} is not known; see: banger kernel check`);
        }
        return { json: document(a, b, diff), text: report(app.output, diff) };
      }),
    );
}

function document(a: string, b: string, diff: KernelDiff): unknown {
  return {
    a,
    b,
    identical: diff.identical,
    release: diff.release,
    arch: diff.arch,
    size_bytes: diff.sizeBytes,
    memory_bytes: diff.memoryBytes,
    protocol: diff.protocol,
    compiler: { from: diff.compiler.from ?? null, to: diff.compiler.to ?? null },
    config: diff.config ?? null,
    features_won: diff.featuresWon,
    features_lost: diff.featuresLost,
    firecracker_won: diff.needsWon,
    firecracker_lost: diff.needsLost,
  };
}

function report(output: Output, diff: KernelDiff): string {
  if (diff.identical) return "the two are the same, byte for byte";
  const fields: (readonly [string, string])[] = [
    ["release", words(diff.release)],
    ["arch", words(diff.arch)],
    ["size", words(both(diff.sizeBytes, formatBytes))],
    ["memory", words(both(diff.memoryBytes, formatMib))],
    ["boot", words(diff.protocol)],
    ["compiler", words(both(diff.compiler, (text) => text ?? "not told"))],
    ["features won", listed(diff.featuresWon)],
    ["features lost", listed(diff.featuresLost)],
    ["Firecracker", `${listed(diff.needsWon)} won, ${listed(diff.needsLost)} lost`],
    ["configuration", counts(diff.config)],
  ];
  const { added = [], removed = [], changed = [] } = diff.config ?? {};
  const lines = [
    ...removed.map(({ symbol, from }) => `- ${symbol}=${from}`),
    ...added.map(({ symbol, to }) => `+ ${symbol}=${to}`),
    ...changed.map(({ symbol, ...change }) => `~ ${symbol}=${words(change)}`),
  ].map(escapeControls);
  return [renderFields(output, fields), ...lines].join("\n");
}

function words({ from, to }: Change<string>): string {
  return from === to ? to : `${from} → ${to}`;
}

function both<Value>(change: Change<Value>, show: (value: Value) => string): Change<string> {
  return { from: show(change.from), to: show(change.to) };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

function counts(config: ConfigDiff | undefined): string {
  if (config === undefined) return "not known";
  const { added, removed, changed } = config;
  return `${removed.length} removed, ${added.length} added, ${changed.length} changed`;
}
