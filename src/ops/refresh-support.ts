import type { CatalogEntry } from "../core/catalog.ts";
import { kernelLine } from "../core/kernel-version.ts";
import {
  maxSupportFactsBytes,
  parseSupportFacts,
  type Support,
  type SupportFacts,
} from "../core/support.ts";
import { BangerError } from "../core/errors.ts";
import { now } from "../io/clock.ts";
import { readText } from "../io/files.ts";
import { type CatalogPlan, planPuts, readForEdit, writePlan } from "./catalog-edit.ts";
import { withCatalogLock } from "./catalog-lock.ts";
import type { Context } from "./context.ts";

/** Which catalog to bring up to date, and by which facts. */
export interface RefreshSupportInput {
  readonly catalogFile: string;
  readonly cache: string;
  readonly baseUrl: string;
  /** The file of facts. */
  readonly supportFile: string;
  readonly dryRun: boolean;
  /** False: throw `busy` when the catalog is being changed. */
  readonly wait: boolean;
}

/** What is to be said of the entries of a catalog. */
export interface RefreshedSupport {
  readonly entries: readonly CatalogEntry[];
  readonly plan: CatalogPlan;
}

/**
 * Writes into the entries of a catalog what the facts say of their lines now: upstream moves the end
 * of a line, and that is no reason to build it again.
 *
 * @throws {BangerError} `not-found`, `failed`, when the facts are missing or wrong; `bad-catalog`, `busy`, `io`, `no-space`.
 */
export async function refreshSupport(
  context: Context,
  input: RefreshSupportInput,
): Promise<RefreshedSupport> {
  const { catalogFile, cache, wait } = input;
  const doing = "writing what is supported";
  return withCatalogLock(context, { catalogFile, cache, doing, wait }, async () => {
    const before = readForEdit(catalogFile, input.baseUrl);
    const facts = readSupportFacts(input.supportFile);
    const entries = before.catalog.entries.map((entry) => ({
      ...entry,
      support: supportOf(facts, entry),
    }));
    const plan = planPuts(before, entries, now());
    if (!input.dryRun) writePlan(catalogFile, plan, input.baseUrl);
    return { entries, plan };
  });
}

/** Reads a file of facts. @throws {BangerError} `not-found`; `failed`, when it is wrong; `io` */
export function readSupportFacts(file: string): SupportFacts {
  const text = readText(file, maxSupportFactsBytes);
  if (text !== undefined) return parseSupportFacts(text, file);
  throw new BangerError("not-found", `there is no file ${file}`, {
    hint: "it tells until when each line is kept up, like catalog/support.json",
  });
}

/**
 * What the facts say of an entry's line; what the entry says itself where they say nothing. They are
 * of generic kernels: distributions keep theirs up as they like.
 */
export function supportOf(
  facts: SupportFacts,
  { distro, kernel_version, support }: Pick<CatalogEntry, "distro" | "kernel_version" | "support">,
): Support | undefined {
  return distro === "generic" ? (facts.get(kernelLine(kernel_version)) ?? support) : support;
}
