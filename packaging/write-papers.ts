/**
 * Writes what goes with the executables of a release beside them: for each a bill of materials, and for all the
 * licences of what is in them. Called by scripts/make-release.sh.
 *
 * usage: write-papers.ts FOLDER COMMIT
 * SOURCE_DATE_EPOCH, if set, is the time in the bills.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import project from "../package.json" with { type: "json" };
import { executableNames, runtimePackage, runtimeParts } from "./bun-runtime.ts";
import { compiledIn } from "./compiled-in.ts";
import {
  allowedForPackages,
  allowedForRuntime,
  forbiddenLicenses,
  licensesText,
} from "./licenses.ts";
import { sbom } from "./sbom.ts";

const [folder, commit] = process.argv.slice(2);
if (folder === undefined || commit === undefined) {
  console.error("usage: write-papers.ts FOLDER COMMIT");
  process.exit(2);
}
const moment = process.env["SOURCE_DATE_EPOCH"] ?? "";
if (!/^\d*$/.test(moment)) {
  console.error(`banger: error: SOURCE_DATE_EPOCH is "${moment}", expected seconds`);
  process.exit(2);
}
const packages = await compiledIn();
const parts = runtimeParts();
const forbidden = [
  ...forbiddenLicenses(packages, allowedForPackages),
  ...forbiddenLicenses(parts, allowedForRuntime),
];
if (forbidden.length > 0) {
  console.error(`banger: error: these may not be compiled in: ${forbidden.join(", ")}`);
  console.error("hint: which licences may is in packaging/licenses.ts");
  process.exit(1);
}
for (const executable of executableNames) {
  const file = join(folder, executable);
  if (!existsSync(file)) continue;
  const text = sbom({
    executable,
    sha256: createHash("sha256").update(readFileSync(file)).digest("hex"),
    version: project.version,
    commit,
    epoch: moment === "" ? undefined : Number(moment),
    packages,
    runtime: runtimePackage(executable),
    parts,
  });
  writeFileSync(`${file}.cdx.json`, text);
}
writeFileSync(
  join(folder, "THIRD-PARTY-LICENSES.txt"),
  licensesText(packages, parts, process.versions.bun),
);
