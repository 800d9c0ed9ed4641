/** Fifty pulls of one kernel at once. */
import { rmSync } from "node:fs";
import type { Bench, Figure } from "../bench.ts";
import { genericCorpus } from "../corpora.ts";
import { type Duel, ratio, type Sample } from "../measure.ts";

const crowd = 50;

export async function crowdRows(bench: Bench): Promise<Figure[]> {
  const rounds: { ours: Sample; rival: Sample; starts: Sample; downloads: number }[] = [];
  for (let round = 0; round <= bench.runs; round += 1) {
    const before = bench.nginx.downloads().length;
    const pull = [genericCorpus().entry.name];
    const ours = await runAtOnce(bench, crowd, "pull", ...pull);
    const downloads = bench.nginx.downloads().length - before;
    const rival = await runAtOnce(bench, 1, "pull", ...pull);
    rounds.push({ ours, downloads, rival, starts: await runAtOnce(bench, crowd, "list") });
  }
  const counted = rounds.slice(1);
  const samples: Duel = {
    ours: counted.map((round) => round.ours),
    rival: counted.map((round) => round.rival),
  };
  const starts = ratio({ ...samples, ours: counted.map((round) => round.starts) }, "wallMs");
  return [
    {
      what: "fifty pulls of one kernel at once: wall",
      rival: "one pull",
      value: ratio(samples, "wallMs"),
      atMost: 3,
      unit: "×",
      note: `all fifty ended with 0; fifty \`kernel list\` at once take ${starts.toFixed(2)} ×`,
      samples,
    },
    {
      what: "fifty pulls of one kernel at once: downloads",
      rival: "—",
      value: Math.max(...counted.map((round) => round.downloads)),
      atMost: 1,
      unit: "downloads",
      samples: undefined,
    },
  ];
}

/** So many of one command at once, on an empty store. */
async function runAtOnce(
  bench: Bench,
  count: number,
  ...words: readonly string[]
): Promise<Sample> {
  const corpus = genericCorpus();
  const state = bench.folder("tmpfs", "crowd");
  rmSync(state, { recursive: true, force: true });
  const { args, env } = bench.run(state, corpus, "-q", "kernel", ...words);
  const startedMs = performance.now();
  const children = Array.from({ length: count }, () =>
    Bun.spawn([...args], { env: { ...env }, stdin: "ignore", stdout: "ignore", stderr: "inherit" }),
  );
  const exits = await Promise.all(children.map((child) => child.exited));
  const wallMs = performance.now() - startedMs;
  const failed = exits.filter((code) => code !== 0);
  if (failed.length > 0) throw new Error(`of ${count} processes, some ended with ${failed.join()}`);
  const cpuMs = children.reduce(
    (total, child) => total + Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000,
    0,
  );
  return { wallMs, cpuMs, rssBytes: Number.NaN };
}
