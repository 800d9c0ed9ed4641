import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { daysSince } from "../../io/clock.ts";
import { sha256Of } from "../../io/hash.ts";
import { factsOf, type RoleFacts } from "../../trust/repository.ts";
import { readPublishable, requireRootCopy } from "./publishable.ts";
import { judgesOf } from "./sign-trust.ts";
import { missingSignatures } from "./signatures.ts";
import { catalogAt, namesCatalog } from "./signed-catalog.ts";
import { readTrustFolder, type TrustFolder } from "./trust-folder.ts";

/** One role's metadata, as one root judges it. */
export interface RoleStanding extends RoleFacts {
  /** The version of the root whose keys these are. */
  readonly byRoot: number;
  /** Whether it waits for signatures. */
  readonly isPending: boolean;
  /** How many signatures are missing. */
  readonly missing: number;
  /** Negative when its time is over. */
  readonly daysLeft: number;
}

/** How far a repository is. */
export interface TrustStanding {
  readonly folder: string;
  readonly roles: readonly RoleStanding[];
  readonly catalogSha256: string;
  /** What people have to do before the catalog that is here can be published; empty: nothing. */
  readonly problems: readonly string[];
  /** Why the folder cannot be published as it is; undefined when it can. Beside the problems, CI's part may be missing. */
  readonly obstacle: string | undefined;
}

/** Looks at a trust folder. @throws {BangerError} `verification-failed`, `bad-catalog`, `io` */
export async function trustStanding(folder: string, catalogFile: string): Promise<TrustStanding> {
  const trust = await readTrustFolder(folder);
  const catalog = catalogAt(catalogFile);
  const roles = rolesOf(trust);
  const problems = [...problemsOf(trust, roles, catalog, catalogFile)];
  return {
    folder: trust.folder,
    roles,
    catalogSha256: sha256Of(catalog),
    problems,
    obstacle: problems[0] ?? (await obstacleOf(trust, catalog)),
  };
}

function told(byRoot: number, facts: RoleFacts, isPending: boolean): RoleStanding {
  const missing = missingSignatures(facts);
  return { ...facts, byRoot, isPending, missing, daysLeft: Math.floor(-daysSince(facts.expires)) };
}

function rolesOf({
  roots,
  pendingRoot,
  targets,
  snapshot,
  timestamp,
}: TrustFolder): RoleStanding[] {
  const pending =
    pendingRoot === undefined
      ? []
      : judgesOf(roots, pendingRoot).map((judge) =>
          told(judge.signed.version, factsOf("root", judge, pendingRoot.metadata), true),
        );
  const root = roots.at(-1);
  if (root === undefined) return pending;
  const { metadata, version } = root;
  const standing = (facts: RoleFacts): RoleStanding =>
    told(version, facts, facts.role === "targets" && missingSignatures(facts) > 0);
  return [
    told(version, factsOf("root", metadata, metadata), false),
    ...pending,
    ...(targets === undefined ? [] : [standing(factsOf("targets", metadata, targets.metadata))]),
    ...(snapshot === undefined ? [] : [standing(factsOf("snapshot", metadata, snapshot.metadata))]),
    ...(timestamp === undefined
      ? []
      : [standing(factsOf("timestamp", metadata, timestamp.metadata))]),
  ];
}

function* problemsOf(
  trust: TrustFolder,
  roles: readonly RoleStanding[],
  catalog: Uint8Array,
  catalogFile: string,
): Generator<string, void> {
  const { roots, pendingRoot, targets } = trust;
  if (roots.length === 0 && pendingRoot === undefined) {
    yield "there is no root: scripts/banger-maint trust init";
    return;
  }
  if (roots.length === 0) {
    yield* roles.map(({ missing }) => `the root lacks ${signatures(missing)}`);
    return;
  }
  const copyFault = faultOf(() => {
    requireRootCopy(trust);
  });
  if (copyFault !== undefined) yield copyFault.message;
  for (const { role, isPending, daysLeft, expires } of roles) {
    const isOurs = role === "targets" || (role === "root" && !isPending);
    if (isOurs && daysLeft < 0) yield `the ${role} metadata was good until ${expires}`;
  }
  if (targets === undefined || !namesCatalog(targets.metadata.signed, catalog)) {
    yield `nobody has signed ${path.basename(catalogFile)} as it is`;
    return;
  }
  const missing = roles.find(({ role }) => role === "targets")?.missing ?? 0;
  if (missing > 0) yield `the catalog lacks ${signatures(missing)}`;
}

function signatures(count: number): string {
  return `${count} ${count === 1 ? "signature" : "signatures"}`;
}

async function obstacleOf(trust: TrustFolder, catalog: Uint8Array): Promise<string | undefined> {
  if (trust.timestamp === undefined) return "there is no timestamp here: CI makes it";
  try {
    const published = await readPublishable(trust);
    const isSame = Buffer.from(published.catalog).equals(catalog);
    return isSame ? undefined : "the timestamp is not yet of this catalog: CI makes it";
  } catch (error) {
    if (error instanceof BangerError && [1, 4].includes(error.exitCode)) return error.message;
    throw error;
  }
}

function faultOf(work: () => void): BangerError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
}
