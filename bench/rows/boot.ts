/** The generic kernel's way to init, against the same source with Firecracker's own configuration. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Bench, Figure } from "../bench.ts";
import { benchFolder, genericKernel } from "../corpora.ts";
import { bootProfile, tenthsOf } from "../boot-profile.ts";
import { against, type Duel, medianOf, ratio, type Sample } from "../measure.ts";

/** The configurations that the recipe of generic-6.12 begins with, as files. */
const configurations = ["microvm-kernel-ci-x86_64-6.1.config", "ci.config"];

const profileRuns = 3;

export function bootRows(bench: Bench): Figure[] {
  const rival = rivalKernel();
  if (rival === undefined) {
    console.error(
      "boot: not measured: BENCH_CONFIGS names no folder with Firecracker's configurations",
    );
    return [];
  }
  const folder = bench.folder("tmpfs", "kernel");
  mkdirSync(folder);
  const kernel = genericKernel(folder);
  const rounds = Array.from({ length: bench.runs + 1 }, () => ({
    ours: bootTime(bench, kernel),
    rival: bootTime(bench, rival),
  })).slice(1);
  const samples: Duel = {
    ours: rounds.map((round) => round.ours),
    rival: rounds.map((round) => round.rival),
  };
  const wholeMs = medianOf(samples.rival, "wallMs");
  const tenths = tenthsOf(
    bootProfile(kernel, profileRuns),
    bootProfile(rival, profileRuns),
    wholeMs,
    medianOf(samples.ours, "wallMs") - wholeMs,
  );
  return [
    {
      what: "boot to init, QEMU microvm, TCG",
      rival: "the same source with Firecracker's configuration",
      value: ratio(samples, "wallMs"),
      atMost: 1.25,
      unit: "×",
      note: `${against(samples)} on the guest's clock; tenths of it: ${tenths}`,
      samples,
    },
  ];
}

/** Builds it if need be, which takes as long as any kernel. */
function rivalKernel(): string | undefined {
  const folder = join(benchFolder, "rival-kernel");
  const kernel = join(folder, "vmlinux");
  if (existsSync(kernel)) return kernel;
  const configs = resolve(process.env["BENCH_CONFIGS"] ?? "");
  const files = configurations.map((name) => join(configs, name));
  if (process.env["BENCH_CONFIGS"] === undefined || !files.every(existsSync)) return undefined;
  const script = resolve(import.meta.dirname, "../../scripts/make-rival-kernel.sh");
  execFileSync(script, [folder, ...files], { stdio: "inherit" });
  return kernel;
}

function bootTime(bench: Bench, kernel: string): Sample {
  const { args, env } = bench.run("/nonexistent", undefined, "kernel", "boot", kernel, "--json");
  const options = [...args.slice(1), "--vmm", "qemu"];
  const text = execFileSync(bench.banger, options, {
    env: { ...env, PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  const { kernel_ms: kernelMs }: { kernel_ms: number } = JSON.parse(text);
  return { wallMs: kernelMs, cpuMs: Number.NaN, rssBytes: Number.NaN };
}
