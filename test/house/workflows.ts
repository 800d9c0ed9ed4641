/** What the repository's workflows and pages say, as its house rules see it. */
import { spawnSync } from "node:child_process";
import { parse } from "yaml";
import { readRepositoryFile, type SourceFile } from "./source-files.ts";

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Its fields; none when it is anything else. */
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

interface Step {
  /** Where it stands: `.github/workflows/test.yml: test, step 2`. */
  readonly place: string;
  readonly uses?: string;
  readonly run?: string;
}

function stepsOf(place: string, job: unknown): Step[] {
  const { steps } = fieldsOf(job);
  return (Array.isArray(steps) ? steps : []).map((step: unknown, index) => {
    const { run, uses } = fieldsOf(step);
    return {
      place: `${place}, step ${index + 1}`,
      ...(typeof run === "string" ? { run } : {}),
      ...(typeof uses === "string" ? { uses } : {}),
    };
  });
}

// GitHub's own, by major version; anybody else's by commit.
const allowedActions = /^actions\/(?:checkout|upload-artifact|download-artifact)@v4$/;
const pinnedAction = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/;
const ownWorkflow = /^\.\/\.github\/workflows\/[a-z-]+\.yml$/;

/** What is wrong with a workflow, `place: fault`. */
export function workflowFaults({ path, text }: SourceFile, targets: ReadonlySet<string>): string[] {
  const workflow = fieldsOf(parse(text, { strict: true, uniqueKeys: true }));
  const faults: string[] = [];
  const isEmpty = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0;
  if (!isEmpty(workflow["permissions"])) faults.push(`${path}: permissions are not {}`);
  if (!isFields(workflow["concurrency"])) faults.push(`${path}: no concurrency`);
  if (fieldsOf(fieldsOf(workflow["defaults"])["run"])["shell"] !== "bash") {
    faults.push(`${path}: a container's default shell hears no pipefail; say bash`);
  }
  if ("pull_request_target" in fieldsOf(workflow["on"])) {
    faults.push(`${path}: pull_request_target gives secrets to whoever asks`);
  }
  const jobs = Object.entries(fieldsOf(workflow["jobs"]));
  if (jobs.length === 0) faults.push(`${path}: no jobs`);
  for (const [name, value] of jobs) {
    const job = fieldsOf(value);
    const place = `${path}: ${name}`;
    const { uses } = job;
    if (!isFields(job["permissions"])) faults.push(`${place}: no permissions`);
    if (typeof uses === "string") {
      if (!ownWorkflow.test(uses)) faults.push(`${place}: uses ${uses}`);
    } else if (typeof job["timeout-minutes"] !== "number") {
      faults.push(`${place}: no timeout-minutes`);
    }
    if (JSON.stringify(job["env"] ?? {}).includes("secrets.")) {
      faults.push(`${place}: a secret is given to the whole job, not to one step`);
    }
    for (const step of stepsOf(place, job)) faults.push(...stepFaults(step, targets));
  }
  return faults;
}

function stepFaults({ place, run, uses }: Step, targets: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  if (uses !== undefined && !allowedActions.test(uses) && !pinnedAction.test(uses)) {
    faults.push(`${place}: ${uses} is not pinned by its commit`);
  }
  if (run === undefined) return faults;
  if (run.includes("${{")) faults.push(`${place}: an expression in a script; use env`);
  for (const target of makeTargetsIn(run)) {
    if (!targets.has(target)) faults.push(`${place}: make ${target}: there is no such target`);
  }
  const input = run.replace(/\$\{\{[\s\S]*?\}\}/g, "expression");
  const { status, stdout } = spawnSync("shellcheck", ["--shell=bash", "--format=gcc", "-"], {
    input,
    encoding: "utf8",
  });
  if (status !== 0) faults.push(`${place}: shellcheck: ${stdout.trim()}`);
  return faults;
}

/** The targets of the Makefile. */
export function makefileTargets(): Set<string> {
  const rules = readRepositoryFile("Makefile").matchAll(
    /^(?<names>[\w./-]+(?: [\w./-]+)*):(?!=)/gm,
  );
  return new Set(
    [...rules]
      .flatMap(({ groups }) => (groups?.["names"] ?? "").split(" "))
      .filter((name) => !name.startsWith(".")),
  );
}

/** The targets that commands call, as in `make -s kernel LINE=6.12`; bare `make` names none. */
export function makeTargetsIn(script: string): string[] {
  const words = /(?:^|[;&|(`$]|\b(?:do|then|else)\b)[ \t]*make(?<words>(?:[ \t]+[\w./=$"{}-]+)+)/gm;
  return [...script.matchAll(words)].flatMap(({ groups }) => {
    const called = (groups?.["words"] ?? "").trim().split(/\s+/);
    return called.filter((word) => /^[a-z][a-z0-9/-]*$/.test(word)).slice(0, 1);
  });
}

/** The targets that a page's code, in blocks and in lines, calls. */
export function makeTargetsOfPage(markdown: string): string[] {
  const code = markdown.matchAll(/^```[^\n]*\n([\s\S]*?)^```|`([^`\n]+)`/gm);
  return [...code].flatMap(([, block, inline]) =>
    makeTargetsIn((block ?? inline ?? "").replace(/#.*$/gm, "")),
  );
}
