#!/bin/bash
# Installs into node_modules exactly what package-lock.json pins, and nothing else.
#
# `npm ci` would be the command, but npm 11.16 and newer refuse a lock that lacks optional packages of other
# platforms, also one that they wrote themselves, when the registry does not have those:
# https://github.com/npm/cli/issues/9846. So it is `npm install`, which takes the same pins and checks the same
# hashes, and what it adds to that, resolving anew what the lock does not have, is forbidden here.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/require.sh node npm
before=$(cat package.json package-lock.json | sha256sum)
npm install --no-save --no-progress --loglevel=error </dev/null
if [ "$(cat package.json package-lock.json | sha256sum)" != "$before" ]; then
  echo "banger: error: npm changed package.json or package-lock.json" >&2
  exit 1
fi
node - <<'JS'
const { readFileSync } = require("node:fs");
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const pinned = read("package-lock.json").packages;
const project = read("package.json");
const wrong = [];
for (const group of ["dependencies", "devDependencies"]) {
  for (const [name, version] of Object.entries(project[group] ?? {})) {
    if (pinned[""][group]?.[name] !== version) wrong.push(`${name} ${version} of package.json`);
  }
}
for (const [path, found] of Object.entries(read("node_modules/.package-lock.json").packages)) {
  const pin = pinned[path];
  if (pin?.version !== found.version || pin.integrity !== found.integrity) wrong.push(path);
}
if (wrong.length > 0) {
  console.error(`banger: error: package-lock.json does not pin ${wrong.join(", ")}`);
  console.error("hint: run: npm install");
  process.exit(1);
}
JS
touch node_modules/.package-lock.json
