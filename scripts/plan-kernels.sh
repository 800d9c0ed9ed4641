#!/bin/bash
# What kernels.yml has to do, as its job outputs: scripts/plan-kernels.sh OUTDATED.json, with what
# make kernels-outdated printed. Prints two lines:
#   kernels=[{"line","arch","version"},…]      to build
#   changes=[{"line","version","archs"},…]     to propose, one a line and version
# What has had a pull request is left out, whether it is open, merged or was refused. One that is open and conflicts
# with what was merged meanwhile is made anew: every change of the catalog raises its serial.
set -euo pipefail

if [ $# != 1 ]; then
  echo "usage: scripts/plan-kernels.sh OUTDATED.json" >&2
  exit 2
fi
node - "$1" <<'JS'
const { readFileSync } = require("node:fs");
const { execFileSync } = require("node:child_process");

const fail = (message) => {
  console.error(`banger: error: cannot plan the kernels: ${message}`);
  process.exit(1);
};
const rows = JSON.parse(readFileSync(process.argv[2], "utf8"));
if (!Array.isArray(rows)) fail("what is outdated is not a list");

// These become names of branches, folders and commands.
const shapes = { line: /^\d+\.\d+$/, arch: /^(?:x86_64|arm64)$/, newest_version: /^\d+\.\d+(?:\.\d+)?$/ };
for (const row of rows) {
  for (const [field, shape] of Object.entries(shapes)) {
    if (typeof row[field] !== "string" || !shape.test(row[field])) {
      fail(`${JSON.stringify(row[field] ?? null)} is no ${field}`);
    }
  }
}

const changes = new Map();
for (const { line, arch, catalog_version, newest_version: version } of rows) {
  if (catalog_version === version) continue;
  const branch = `kernels/${line}-${version}`;
  const change = changes.get(branch) ?? { line, version, archs: [] };
  changes.set(branch, change);
  change.archs.push(arch);
}
for (const branch of changes.keys()) {
  const found = execFileSync(
    "gh",
    ["pr", "list", "--head", branch, "--state", "all", "--json", "state,mergeable,url"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  const requests = JSON.parse(found);
  const open = requests.find(({ state }) => state === "OPEN");
  const request = open ?? requests[0];
  if (request === undefined) continue;
  if (open?.mergeable === "CONFLICTING") {
    console.error(`${branch} is made anew, because its proposal conflicts: ${open.url}`);
    continue;
  }
  console.error(`${branch} has been proposed: ${request.url}`);
  changes.delete(branch);
}

const kernels = [...changes.values()].flatMap(({ line, version, archs }) =>
  archs.map((arch) => ({ line, arch, version })),
);
const listed = [...changes.values()].map((change) => ({ ...change, archs: change.archs.join(" ") }));
console.log(`kernels=${JSON.stringify(kernels)}`);
console.log(`changes=${JSON.stringify(listed)}`);
JS
