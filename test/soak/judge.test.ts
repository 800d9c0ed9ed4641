/** That the judge of a soak believes no lie. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judgeEpoch } from "./judge-epoch.ts";
import type { Action } from "./plan.ts";
import type { Facts, Publication, Run } from "./run.ts";
import { Stock } from "./stock.ts";
import type { StoreOnDisk } from "./store-on-disk.ts";

const slot = "small-6.18";
const [older, newer, third] = ["6.18.1", "6.18.2", "6.18.3"] as const;

let folder = "";
let stock: Stock | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-soak-judge-"));
  const mirror = join(folder, "mirror");
  mkdirSync(mirror);
  stock = new Stock(join(folder, "builds"), mirror);
}, 60_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function shaOf(version: string): string {
  return stock?.find(slot, version).entry.tarball_sha256 ?? "";
}

function offer(serial: number, atMs: number, version: string): Publication {
  return { serial, atMs, offers: new Map([[slot, version]]) };
}

function facts(): Facts {
  if (stock === undefined) throw new Error("there is a stock only in a test");
  return {
    stock,
    published: [offer(1000, 0, older), offer(1001, 50, newer)],
    shelf: [offer(1000, 0, third)],
    keptSerial: (atMs) => (atMs >= 80 ? 1001 : 1000),
    wasFull: (fromMs, toMs) => fromMs <= 40 && toMs >= 30,
  };
}

let count = 0;

function run(action: Action, fromMs: number, toMs: number, result: Partial<Run> = {}): Run {
  count += 1;
  const ended = { exitCode: 0, signal: null, sent: null, stdout: "{}", stderr: "" };
  return { number: count, worker: 0, action, startMs: fromMs, endMs: toMs, ...ended, ...result };
}

const pullAction: Action = { verb: "kernel pull", args: ["kernel", "pull", slot], slot };
const rmAction: Action = { verb: "kernel rm", args: ["kernel", "rm", slot], slot };

function pull(version: string, outcome: string, fromMs: number, toMs: number): Run {
  const element = {
    kernel_version: version,
    tarball_sha256: shaOf(version),
    source: "catalog",
    outcome,
  };
  return run(pullAction, fromMs, toMs, { stdout: JSON.stringify({ results: [element] }) });
}

function rm(fromMs: number, toMs: number, result: Partial<Run> = {}): Run {
  return run(rmAction, fromMs, toMs, result);
}

function failed(action: Action, code: string, exitCode: number, fromMs: number, toMs: number): Run {
  const stdout = JSON.stringify({ error: { code, message: "no", hint: null } });
  return run(action, fromMs, toMs, { exitCode, stdout });
}

/** A store in which the kernel of the tests is so, and nothing else is there. */
function store(state: string, images: Readonly<Record<string, string>> = {}): StoreOnDisk {
  return {
    kernels: new Map([[slot, state]]),
    images: new Map(Object.entries(images)),
    problems: [],
    leftovers: [],
  };
}

function findings(before: string, runs: readonly Run[], after: string): string {
  return judgeEpoch(runs, store(before), store(after), facts()).findings.join("\n");
}

describe("the judge believes", () => {
  test("a pull, an update and a removal whose results are there", () => {
    expect(findings("-|-", [pull(older, "installed", 10, 20)], `catalog ${older}|-`)).toBe("");
    expect(
      findings(
        `catalog ${older}|-`,
        [pull(newer, "updated", 60, 70)],
        `catalog ${newer}|catalog ${older}`,
      ),
    ).toBe("");
    expect(findings(`catalog ${older}|-`, [rm(10, 20)], "-|-")).toBe("");
  });

  test("that a killed pull left the old kernel, or the new one, or lost the way back", () => {
    const killed = run(pullAction, 60, 70, {
      exitCode: null,
      signal: "SIGKILL",
      sent: "SIGKILL",
      stdout: "",
    });
    const before = `catalog ${older}|import ${third}`;
    for (const after of [before, `catalog ${older}|-`, `catalog ${newer}|catalog ${older}`]) {
      expect(findings(before, [killed], after)).toBe("");
    }
  });
});

describe("the judge finds", () => {
  test("a reported pull that is not there", () => {
    expect(findings("-|-", [pull(older, "installed", 10, 20)], "-|-")).toContain(
      "no order of what was reported",
    );
  });

  test("a reported removal after which the kernel is there", () => {
    const before = `catalog ${older}|-`;
    expect(findings(before, [rm(10, 20)], before)).toContain("no order of what was reported");
  });

  test("a kernel that nobody installed", () => {
    expect(findings("-|-", [], `catalog ${older}|-`)).toContain("no order of what was reported");
  });

  test("a failed pull that changed the kernel all the same", () => {
    const refused = failed(pullAction, "network", 5, 60, 70);
    expect(
      findings(`catalog ${older}|-`, [refused], `catalog ${newer}|catalog ${older}`),
    ).toContain("no order");
  });

  test("a killed pull that left a kernel which no catalog has, or none at all", () => {
    const killed = run(pullAction, 60, 70, {
      exitCode: null,
      signal: "SIGKILL",
      sent: "SIGKILL",
      stdout: "",
    });
    const before = `catalog ${older}|-`;
    expect(findings(before, [killed], `catalog ${third}|catalog ${older}`)).toContain("no order");
    expect(findings(before, [killed], "-|-")).toContain("no order");
  });

  test("an update that says that it installed, and a previous kernel that is lost", () => {
    const after = `catalog ${newer}|catalog ${older}`;
    expect(findings(`catalog ${older}|-`, [pull(newer, "installed", 60, 70)], after)).toContain(
      "no order",
    );
    expect(
      findings(`catalog ${older}|-`, [pull(newer, "updated", 60, 70)], `catalog ${newer}|-`),
    ).toContain("no order");
  });

  test("a pull that brought what no catalog had at that time", () => {
    expect(findings("-|-", [pull(newer, "installed", 10, 20)], `catalog ${newer}|-`)).toContain(
      "no catalog that it can have read",
    );
    // The update to the newer catalog was reported before.
    expect(findings("-|-", [pull(older, "installed", 90, 95)], `catalog ${older}|-`)).toContain(
      "no catalog that it can have read",
    );
  });

  test("a pull that reports another tarball", () => {
    const element = {
      kernel_version: older,
      tarball_sha256: shaOf(newer),
      source: "catalog",
      outcome: "installed",
    };
    const lie = run(pullAction, 10, 20, { stdout: JSON.stringify({ results: [element] }) });
    expect(findings("-|-", [lie], `catalog ${older}|-`)).toContain(
      `${older} is not ${shaOf(newer)}`,
    );
  });

  test("a full disk that was not full, and a signal that nobody sent", () => {
    expect(findings("-|-", [failed(pullAction, "no-space", 1, 30, 35)], "-|-")).toBe("");
    expect(findings("-|-", [failed(pullAction, "no-space", 1, 60, 65)], "-|-")).toContain(
      "the disk was not full",
    );
    expect(findings("-|-", [failed(pullAction, "interrupted", 130, 60, 65)], "-|-")).toContain(
      "SIGINT, which nobody sent",
    );
  });

  test("an exit code that is another than its error's, and an error that the command does not have", () => {
    expect(findings("-|-", [failed(pullAction, "network", 1, 10, 20)], "-|-")).toContain(
      "network has exit code 1",
    );
    expect(findings("-|-", [failed(rmAction, "bad-state", 1, 10, 20)], "-|-")).toContain(
      "not an answer that it may give",
    );
    expect(findings("-|-", [rm(10, 20, { exitCode: 1, stdout: "" })], "-|-")).toContain(
      "without a JSON document",
    );
  });

  test("a stack trace, a word of a bug, and a command that hangs", () => {
    const trace = "    at work (/$bunfs/root/banger:1:2)\n";
    expect(
      findings(
        "-|-",
        [failed(rmAction, "not-found", 3, 1, 2), rm(3, 4, { exitCode: 3, stderr: trace })],
        "-|-",
      ),
    ).toContain("shows a bug");
    const odd = rm(3, 4, { exitCode: 3, stderr: "banger: error: undefined is not installed" });
    expect(findings("-|-", [odd], "-|-")).toContain('says "undefined"');
    expect(findings("-|-", [rm(3, 4, { exitCode: null, signal: "hung" })], "-|-")).toContain(
      "not an answer",
    );
  });

  test("a list, a verification and a copy that tell of what was not there", () => {
    const listed = {
      name: slot,
      arch: "x86_64",
      kernel_version: newer,
      source: "catalog",
      standing: "current",
    };
    const list = run({ verb: "kernel list", args: ["kernel", "list"] }, 10, 20, {
      stdout: JSON.stringify({ kernels: [listed] }),
    });
    const before = `catalog ${older}|-`;
    expect(findings(before, [list], before)).toContain("no order");
    const damaged = { ...listed, kernel_version: null, source: null, standing: "damaged" };
    const says = { ...list, stdout: JSON.stringify({ kernels: [damaged] }) };
    expect(findings(before, [says], before)).toContain("says that a kernel is damaged");
    const kernel = { name: slot, arch: "x86_64", ok: true, checked_bytes: 1, error: null };
    const verify = run({ verb: "kernel verify", args: [], slot }, 10, 20, {
      stdout: JSON.stringify({ kernels: [kernel] }),
    });
    expect(findings(before, [verify], before)).toContain("no order");
    const copy = run({ verb: "kernel export", args: [], slot, destination: "e" }, 10, 20, {
      exported: newer,
    });
    expect(findings(before, [copy], before)).toContain("no order");
    expect(findings(before, [{ ...copy, exported: "torn" }], before)).toContain("the copy is torn");
  });

  test("an update of the catalog that reports one that was older before it began", () => {
    const update = run({ verb: "catalog update", args: [] }, 60, 70, {
      stdout: JSON.stringify({ serial: 1000 }),
    });
    expect(findings("-|-", [update], "-|-")).toContain("has catalog 1000, there were 1001 to 1001");
  });

  test("an image that was reported as removed and is there", () => {
    const removal = run({ verb: "image rm", args: [], image: "web" }, 10, 20);
    const there = store("-|-", { web: slot });
    const verdict = judgeEpoch([removal], there, there, facts());
    expect(verdict.findings.join()).toContain("the image web was");
  });
});
