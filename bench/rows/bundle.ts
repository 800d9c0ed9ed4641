/** How large a bundle is and how fast it unpacks, against the usual `xz -9` of the same kernel. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sizeOf, type Bench, type Figure } from "../bench.ts";
import { genericCorpus, genericKernel, servedFolder } from "../corpora.ts";
import { against, duel, ratio } from "../measure.ts";

export function bundleRows(bench: Bench): Figure[] {
  const tarball = join(servedFolder, genericCorpus().file);
  const folder = bench.folder("tmpfs", "xz");
  mkdirSync(folder);
  execFileSync("xz", ["-9", genericKernel(folder)]);
  const packed = join(folder, "vmlinux.xz");
  const samples = duel(
    { args: ["zstd", "-qdfo", join(folder, "ours"), tarball] },
    { args: ["sh", "-c", 'xz -dc "$1" > "$2"', "-", packed, join(folder, "theirs")] },
    bench.runs,
  );
  const [ours, theirs] = [sizeOf(tarball), sizeOf(packed)];
  return [
    {
      what: "size of the generic bundle",
      rival: "`xz -9` of its vmlinux",
      value: ours / theirs,
      atMost: 1.1,
      unit: "×",
      note: `${ours} against ${theirs} bytes`,
      samples: undefined,
    },
    {
      what: "time to unpack the generic bundle",
      rival: "`xz -dc` of its vmlinux",
      value: ratio(samples, "wallMs"),
      atMost: 1 / 5,
      unit: "×",
      note: against(samples),
      samples,
    },
  ];
}
