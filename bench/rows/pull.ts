/** Pull against the pipeline that people write by hand: curl, sha256sum, zstd, tar, and a sync. */
import { mkdirSync, rmSync } from "node:fs";
import type { Bench, Figure, Place } from "../bench.ts";
import { type Corpus, distroCorpus, genericCorpus, hugeCorpus } from "../corpora.ts";
import { against, type Command, duel, measure, ratio, type Sample } from "../measure.ts";

const pipeline = `
  set -o pipefail
  curl -sf "$1" | tee >(sha256sum >/dev/null) | zstd -dc | tar -x -C "$DESTINATION"
  wait
  sync -f "$DESTINATION"`;

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
  const note = against(samples);
  if (place === "disk") {
    return [{ ...wall, value: ratio(samples, "wallMs"), atMost: 1, note }];
  }
  const spent = against(samples, "cpuMs");
  return [
    { ...wall, value: ratio(samples, "wallMs"), atMost: 1.2, note },
    { ...wall, what: `${what}: CPU`, value: ratio(samples, "cpuMs"), atMost: 1.3, note: spent },
  ];
}

/** A first pull into an empty store. */
function pullCommand(bench: Bench, place: Place, corpus: Corpus): Command {
  const fresh = freshFolders(bench, place, "store", corpus);
  return {
    ...bench.run("", corpus, "-q", "kernel", "pull", corpus.entry.name),
    prepare: () => ({ BANGER_STATE_DIR: fresh() }),
  };
}

function pipelineCommand(bench: Bench, place: Place, corpus: Corpus): Command {
  const fresh = freshFolders(bench, place, "tree", corpus);
  return {
    args: ["bash", "-c", pipeline, "-", `${bench.nginx.url}/${corpus.file}`],
    prepare: () => ({ DESTINATION: fresh() }),
  };
}

let made = 0;

/**
 * Gives an empty folder each time. On the disk the ones before stay: ext4 is slow to give out inodes
 * that were freed a moment ago. In memory they go, or there would soon be none left.
 */
function freshFolders(bench: Bench, place: Place, name: string, corpus: Corpus): () => string {
  let last: string | undefined;
  return () => {
    if (place === "tmpfs" && last !== undefined) rmSync(last, { recursive: true });
    if (place === "tmpfs") warmMemory(bench.folder(place, "warm"), corpus);
    made += 1;
    last = bench.folder(place, `${name}-${made}`);
    mkdirSync(last);
    settle(last);
    return last;
  };
}

/**
 * Uses as much memory as a run will, and frees it. The host of a rented machine takes back what is free
 * for a while, and whoever asks for it again would wait for the host.
 */
function warmMemory(file: string, { entry }: Corpus): void {
  const mebibytes = 128 + Math.ceil((entry.size_bytes + entry.unpacked_bytes) / 2 ** 20);
  measure({ args: ["dd", "if=/dev/zero", `of=${file}`, "bs=1M", `count=${mebibytes}`] });
  rmSync(file);
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
