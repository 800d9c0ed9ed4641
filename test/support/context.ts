/** The world of an operation that is called directly. */
import { resolve } from "node:path";
import { repositoryAt } from "../../src/cli/maint/repository.ts";
import type { Environment, Variables } from "../../src/io/environment.ts";
import { BangerError } from "../../src/core/errors.ts";
import type { Context, Progress } from "../../src/ops/context.ts";

const repository = resolve(import.meta.dirname, "../..");

/** A context that keeps what is reported. */
export interface TestContext extends Context {
  readonly reports: Progress[];
}

export function testContext(
  changes: {
    readonly variables?: Variables;
    readonly signal?: AbortSignal;
    readonly retries?: number;
  } = {},
): TestContext {
  const reports: Progress[] = [];
  const environment: Environment = {
    variables: changes.variables ?? process.env,
    stateDir: "/nonexistent",
    kernelsDir: "/nonexistent",
    catalogFile: undefined,
    mirrors: [],
    httpTimeoutMs: 5000,
    httpRetries: changes.retries ?? 0,
    hostArch: "x86_64",
    uid: process.getuid?.() ?? 0,
    sudoUser: undefined,
  };
  return {
    reports,
    environment,
    scope: undefined,
    embedded: { catalog: noCatalog, root: undefined },
    catalog: () => Promise.reject(new Error("no catalog is needed here")),
    standing: () => Promise.reject(new Error("no catalog is needed here")),
    signal: changes.signal ?? new AbortController().signal,
    report: (progress) => {
      reports.push(progress);
    },
    guests: repositoryAt(repository, "0.1.0").guests,
    userAgent: "banger-test",
  };
}

function noCatalog(): never {
  throw new Error("no catalog is needed here");
}

/** What `work` came to: `done`, or `CODE: MESSAGE`. */
export async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
