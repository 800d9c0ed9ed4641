import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { checkReleaseKeys, type CheckedKey, type KeyReport } from "../../ops/build/check-keys.ts";
import { errorDocument, type Run } from "../app.ts";
import type { Repository } from "./repository.ts";

/** `check-keys`. */
export function addCheckKeys(program: Command, run: Run, repository: Repository): void {
  program
    .command("check-keys")
    .summary("look for release keys that are expired, revoked, missing or extra")
    .description(
      "Compare the release keys of kernel.org in catalog/upstream-keys/ with their list; exit 4 when one is expired, revoked, missing, extra or another than the list says. Touches no network.",
    )
    .action(
      run(async (app) => {
        const report = await checkReleaseKeys(app.context, repository.keys);
        for (const key of report.keys.filter(({ expiresSoon }) => expiresSoon)) {
          app.output.warn(`the key of ${key.holder} expires at ${key.expiresAt}`);
        }
        const json = {
          ok: true,
          keys: report.keys.map((key) => keyDocument(key)),
          extra: report.extra,
        };
        const failure = failureOf(report);
        if (failure !== undefined) {
          app.output.error(failure.message, failure.hint);
          return {
            json: { ...json, ok: false, error: errorDocument(failure) },
            text: "",
            exitCode: failure.exitCode,
          };
        }
        return { json, text: report.keys.map((key) => goodNews(key)).join("\n") };
      }),
    );
}

function keyDocument(key: CheckedKey): Readonly<Record<string, unknown>> {
  return {
    holder: key.holder,
    fingerprint: key.fingerprint,
    file: key.file,
    expires_at: key.expiresAt ?? null,
    problems: key.problems,
  };
}

function goodNews({ holder, fingerprint, expiresAt }: CheckedKey): string {
  return `${fingerprint} ${holder}: ok, ${expiresAt === undefined ? "does not expire" : `expires at ${expiresAt}`}`;
}

function failureOf({ keys, extra }: KeyReport): BangerError | undefined {
  const found = [
    ...keys.flatMap(({ file, problems }) => problems.map((problem) => `${file}: ${problem}`)),
    ...extra.map((name) => `${name}: it is not listed`),
  ];
  if (found.length === 0) return undefined;
  return new BangerError(
    "verification-failed",
    `the release keys are not as they must be: ${found.join("; ")}`,
    { hint: "catalog/upstream-keys/README.md says where they come from" },
  );
}
