/** Stores with many kernels, and kernels with many files. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallKernel } from "../../test/support/small-kernel.ts";
import type { Bench, Figure } from "../bench.ts";
import { distroCorpus } from "../corpora.ts";
import { type Command, duel, medianOf, ratio } from "../measure.ts";

export function listRows(bench: Bench): Figure[] {
  const [full, small] = [storeOf(bench, 500), storeOf(bench, 5)];
  const samples = duel(
    bench.run(full, undefined, "kernel", "list"),
    bench.run(small, undefined, "kernel", "list"),
    bench.runs * 4,
  );
  const [many, few] = [samples.ours, samples.rival].map((each) => medianOf(each, "wallMs"));
  return [
    {
      what: "kernel list, 500 kernels",
      rival: "`kernel list`, 5 kernels",
      value: ratio(samples, "wallMs"),
      atMost: 2,
      unit: "×",
      note: `${many?.toFixed(1)} ms against ${few?.toFixed(1)} ms`,
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
    const { args, env } = bench.run(state, undefined, "-q", "kernel", "import", `k${number}-6.12`);
    execFileSync(args[0] ?? "", [...args.slice(1), ...what], { env: { ...env } });
  }
  return state;
}

export function verifyRows(bench: Bench): Figure[] {
  const corpus = distroCorpus(bench.banger);
  const state = bench.folder("tmpfs", "verified");
  mkdirSync(state);
  const pull = bench.run(state, corpus, "-q", "kernel", "pull", corpus.entry.name);
  execFileSync(bench.banger, pull.args.slice(1), { env: { ...pull.env } });
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
    const [mine, theirs] = [samples.ours, samples.rival].map((each) => medianOf(each, "wallMs"));
    return {
      what: `kernel verify of 519 MB, ${what}`,
      rival: rivals[index] ?? "",
      value: ratio(samples, "wallMs"),
      atMost,
      unit: "×",
      note: `${mine?.toFixed(0)} ms against ${theirs?.toFixed(0)} ms`,
      samples,
    };
  });
}

function onOne(command: Command): Command {
  return { ...command, args: ["taskset", "-c", "0", ...command.args] };
}
