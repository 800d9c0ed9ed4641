/** What it takes to start, and to say that nothing has to be done. */
import { sizeOf, type Bench, type Figure } from "../bench.ts";
import { genericCorpus } from "../corpora.ts";
import { against, duel, measure, ratio } from "../measure.ts";

/** These take milliseconds: more of them make a median that means something. */
const moreRuns = 8;

export function startRows(bench: Bench): Figure[] {
  const corpus = genericCorpus();
  const state = bench.folder("disk", "started");
  const command = (...args: readonly string[]) => bench.run(state, corpus, ...args);
  const list = command("kernel", "list");
  const pull = command("kernel", "pull", corpus.entry.name);
  measure(pull);
  const hello = { args: [bench.hello] };
  return [
    { what: "banger --version", ours: command("--version"), other: hello, atMost: 2.5 },
    { what: "banger kernel list", ours: list, other: hello, atMost: 3 },
    { what: "pull of what is installed", ours: pull, other: list, atMost: 1.5 },
  ].map(({ what, ours, other, atMost }) => {
    const samples = duel(ours, other, bench.runs * moreRuns);
    return {
      what,
      rival: other === list ? "`banger kernel list`" : "a compiled `console.log`",
      value: ratio(samples, "wallMs"),
      atMost,
      unit: "×",
      note: against(samples),
      samples,
    };
  });
}

export function executableRows(bench: Bench): Figure[] {
  const [ours, hello] = [sizeOf(bench.banger), sizeOf(bench.hello)];
  return [
    {
      what: "size of the executable",
      rival: "a compiled `console.log`",
      value: ours / hello,
      atMost: 1.05,
      unit: "×",
      note: `${(ours / 1e6).toFixed(1)} MB against ${(hello / 1e6).toFixed(1)} MB`,
      samples: undefined,
    },
  ];
}
