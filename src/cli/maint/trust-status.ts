import type { Command } from "commander";
import path from "node:path";
import {
  type RoleStanding,
  type TrustStanding,
  trustStanding,
} from "../../ops/trust/trust-standing.ts";
import { type App, pathOf, type Run } from "../app.ts";
import { renderTable } from "../table.ts";
import type { Repository } from "./repository.ts";

interface Options {
  readonly trust: string;
  readonly catalog: string;
}

/** So many days before its end, something that people sign is called soon over. */
const soonDays = 14;

/** `trust status`. */
export function addTrustStatus(trust: Command, run: Run, repository: Repository): void {
  trust
    .command("status")
    .summary("tell what is signed, until when, and what is missing")
    .description(
      "Tell of each role which version there is, until when it is good, who may sign it and who has, and what is missing. Exits with 7 when people have something to do before the catalog that is here can be published.",
    )
    .option("--trust <folder>", "the signed repository in the making", repository.trust)
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .action(
      run(async (app, _names, options: Options) => {
        const standing = await trustStanding(
          path.resolve(pathOf(options.trust, "--trust")),
          path.resolve(pathOf(options.catalog, "--catalog")),
        );
        const isReady = standing.problems.length === 0;
        warn(app, standing);
        return { json: document(standing), text: text(app, standing), exitCode: isReady ? 0 : 7 };
      }),
    );
}

function warn(app: App, { roles, problems, obstacle }: TrustStanding): void {
  for (const problem of problems) app.output.warn(problem);
  if (problems.length === 0 && obstacle !== undefined) app.output.note(obstacle);
  for (const { role, daysLeft, isPending } of roles) {
    const isOurs = role === "root" || role === "targets";
    if (isOurs && !isPending && daysLeft >= 0 && daysLeft < soonDays) {
      app.output.warn(`the ${role} metadata is over in ${daysLeft} days`);
    }
  }
}

function text(app: App, { roles }: TrustStanding): string {
  const columns = ["ROLE", "VERSION", "UNTIL", "SIGNED", "KEY"];
  return renderTable(
    app.output,
    columns.map((heading) => ({ heading, flexible: heading === "KEY" })),
    roles.flatMap((role) => [
      [
        name(role),
        String(role.version),
        `${role.expires} (${role.daysLeft} days)`,
        count(role),
        "",
      ],
      ...role.keys.map(({ id, signed }) => ["", "", "", signed ? "yes" : "no", id]),
    ]),
  );
}

function name({ role, isPending, byRoot, version }: RoleStanding): string {
  if (!isPending) return role;
  return role === "root" && byRoot !== version ? `${role}, by the old keys` : `${role}, waiting`;
}

function count({ keys, threshold }: RoleStanding): string {
  return `${keys.filter(({ signed }) => signed).length} of ${threshold}`;
}

function document({ folder, roles, catalogSha256, problems, obstacle }: TrustStanding): object {
  return {
    folder,
    catalog_sha256: catalogSha256,
    ready: problems.length === 0,
    problems,
    publishable: obstacle === undefined,
    obstacle: obstacle ?? null,
    roles: roles.map((role) => ({
      role: role.role,
      version: role.version,
      expires: role.expires,
      days_left: role.daysLeft,
      threshold: role.threshold,
      by_root: role.byRoot,
      pending: role.isPending,
      missing: role.missing,
      keys: role.keys,
    })),
  };
}
