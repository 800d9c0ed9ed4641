/** Stores with many kernels, and kernels with many files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallKernel } from "../../test/support/small-kernel.ts";
import type { Bench, Figure } from "../bench.ts";
import { distroCorpus } from "../corpora.ts";
import { against, type Command, duel, measure, ratio } from "../measure.ts";

export function listRows(bench: Bench): Figure[] {
  const [full, small] = [storeOf(bench, 500), storeOf(bench, 5)];
  const samples = duel(
    bench.run(full, undefined, "kernel", "list"),
    bench.run(small, undefined, "kernel", "list"),
    bench.runs * 4,
  );
  return [
    {
      what: "kernel list, 500 kernels",
      rival: "`kernel list`, 5 kernels",
      value: ratio(samples, "wallMs"),
      atMost: 2,
      unit: "×",
      note: against(samples),
      samples,
    },
  ];
}

/** A store with that many small kernels. */
function storeOf(bench: Bench, count: number): string {
  const state = bench.folder("tmpfs", `store-of-${count}`);
  const image = bench.folder("tmpfs", "vmlinux");
  writeFileSync(image, smallKernel({ version: "6.12.1", sizeBytes: 8192 }));
  for (let number = 1; number <= count; number += 1) {
    const what = ["--from", image, "--distro", "mine", "--arch", "x86_64"];
    measure(bench.run(state, undefined, "-q", "kernel", "import", `k${number}-6.12`, ...what));
  }
  return state;
}

export function verifyRows(bench: Bench): Figure[] {
  const corpus = distroCorpus(bench.banger);
  const state = bench.folder("tmpfs", "verified");
  mkdirSync(state);
  measure(bench.run(state, corpus, "-q", "kernel", "pull", corpus.entry.name));
  const verify = bench.run(state, corpus, "-q", "kernel", "verify", corpus.entry.name);
  const tree = join(state, "kernels", corpus.entry.name);
  const files = 'find -L "$1" -type f -print0 | xargs -0 ';
  const sums = (program: string): Command => ({ args: ["sh", "-c", files + program, "-", tree] });
  const contests = [
    { what: "on one core", ours: onOne(verify), rival: onOne(sums("sha256sum")), atMost: 1.1 },
    { what: "on one core", ours: onOne(verify), rival: onOne(sums("openssl sha256")), atMost: 1.1 },
    { what: "on all cores", ours: verify, rival: onOne(verify), atMost: 0.75 },
  ];
  const rivals = ["`sha256sum` of the same files", "`openssl sha256`", "the same on one core"];
  return contests.map(({ what, ours, rival, atMost }, index) => {
    const samples = duel(ours, rival, bench.runs);
    return {
      what: `kernel verify of 519 MB, ${what}`,
      rival: rivals[index] ?? "",
      value: ratio(samples, "wallMs"),
      atMost,
      unit: "×",
      note: against(samples),
      samples,
    };
  });
}

function onOne(command: Command): Command {
  return { ...command, args: ["taskset", "-c", "0", ...command.args] };
}
