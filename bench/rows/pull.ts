/** Pull against the pipeline that people write by hand: curl, sha256sum, zstd, tar, and a sync. */
import { mkdirSync, rmSync } from "node:fs";
import type { Bench, Figure, Place } from "../bench.ts";
import { type Corpus, distroCorpus, genericCorpus, hugeCorpus } from "../corpora.ts";
import {
  type Command,
  duel,
  type Duel,
  measure,
  medianOf,
  ratio,
  type Sample,
} from "../measure.ts";

const pipeline = `
  set -o pipefail
  curl -sf "$1" | tee >(sha256sum >/dev/null) | zstd -dc | tar -x -C "$2"
  wait
  sync -f "$2"`;

const rival = "curl \\| tee >(sha256sum) \\| zstd -dc \\| tar -x; sync -f";

export async function pullRows(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  const corpora = [genericCorpus(), distroCorpus(bench.banger)];
  for (const corpus of corpora) figures.push(...pullOn(bench, "disk", corpus));
  for (const corpus of corpora) figures.push(...pullOn(bench, "tmpfs", corpus));
  return figures;
}

function pullOn(bench: Bench, place: Place, corpus: Corpus): Figure[] {
  const samples = duel(
    pullCommand(bench, place, corpus),
    pipelineCommand(bench, place, corpus),
    bench.runs,
  );
  const what = `pull, ${corpus.title} bundle, ${place}`;
  const wall = { what: `${what}: wall`, rival, unit: "×", samples } as const;
  const milliseconds = (which: keyof Duel, of: "wallMs" | "cpuMs"): string =>
    `${Math.round(medianOf(samples[which], of))} ms`;
  const note = `${milliseconds("ours", "wallMs")} against ${milliseconds("rival", "wallMs")}`;
  if (place === "disk") {
    return [{ ...wall, value: ratio(samples, "wallMs"), atMost: 1, note }];
  }
  const spent = `${milliseconds("ours", "cpuMs")} against ${milliseconds("rival", "cpuMs")}`;
  return [
    { ...wall, value: ratio(samples, "wallMs"), atMost: 1.2, note },
    { ...wall, what: `${what}: CPU`, value: ratio(samples, "cpuMs"), atMost: 1.3, note: spent },
  ];
}

/** A first pull into an empty store. */
function pullCommand(bench: Bench, place: Place, corpus: Corpus): Command {
  const state = bench.folder(place, "store");
  return {
    ...bench.run(state, corpus, "-q", "kernel", "pull", corpus.entry.name),
    prepare: () => {
      rmSync(state, { recursive: true, force: true });
      settle(bench.folder(place, "."));
    },
  };
}

function pipelineCommand(bench: Bench, place: Place, corpus: Corpus): Command {
  const folder = bench.folder(place, "tree");
  return {
    args: ["bash", "-c", pipeline, "-", `${bench.nginx.url}/${corpus.file}`, folder],
    prepare: () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      settle(folder);
    },
  };
}

/** What was removed before is no longer the disk's business. */
function settle(folder: string): void {
  measure({ args: ["sync", "-f", folder] });
}

/** What a pull holds in memory, for bundles of all sizes; on tmpfs, where the disk does not matter. */
export function memoryRows(bench: Bench): Figure[] {
  const peaks = [genericCorpus(), distroCorpus(bench.banger), hugeCorpus()].map((corpus) => {
    const command = pullCommand(bench, "tmpfs", corpus);
    const samples: Sample[] = Array.from({ length: bench.runs }, () => measure(command));
    rmSync(bench.folder("tmpfs", "store"), { recursive: true, force: true });
    return { corpus, samples, peakBytes: Math.max(...samples.map((sample) => sample.rssBytes)) };
  });
  return peaks.map(({ corpus, samples, peakBytes }) => ({
    what: `peak memory of a pull, ${corpus.title} bundle (${megabytes(corpus.entry.size_bytes)} MB)`,
    rival: "—",
    value: peakBytes / 1e6,
    atMost: (96 * 2 ** 20) / 1e6,
    unit: "MB",
    note: `${corpus.files} files, ${megabytes(corpus.entry.unpacked_bytes)} MB unpacked`,
    samples,
  }));
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
