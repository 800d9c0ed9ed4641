#!/bin/bash
# Makes the packages for npm out of a release: called by make packages.
#   scripts/make-packages.sh [--from FOLDER] [--to FOLDER]
# Takes the executables from build/release, after a look at its SHA256SUMS, and puts into build/packages one package
# for each, and the one that people install, which has them as optional dependencies. None has an install script.
# NPM_SCOPE is whose packages they are; by default @thaloco. GZIP_LEVEL is how much work goes into a small size; 9.
set -euo pipefail
umask 022

from=build/release to=build/packages
start=$PWD
cd "$(dirname "$0")/.."
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=$(cd "$start" && realpath "$2") ;;
    --to) to=$(cd "$start" && realpath -m "$2") ;;
    *)
      echo "usage: scripts/make-packages.sh [--from FOLDER] [--to FOLDER]" >&2
      exit 2
      ;;
  esac
  shift 2
done
if ! [ -e "$from/SHA256SUMS" ]; then
  echo "banger: error: there is no release in $from" >&2
  echo "hint: run: make release" >&2
  exit 1
fi
(cd "$from" && sha256sum --check --strict --quiet SHA256SUMS)

trap 'rm -rf "$to.new"' EXIT
rm -rf "$to" "$to.new"
mkdir -p "$to.new"
NPM_SCOPE=${NPM_SCOPE:-@thaloco} node - "$from" "$to.new" <<'JS'
const { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const [from, to] = process.argv.slice(2);
const scope = process.env.NPM_SCOPE;
if (!/^@[a-z0-9][a-z0-9._-]*$/.test(scope)) {
  console.error(`banger: error: NPM_SCOPE is "${scope}", expected something like @acme`);
  process.exit(2);
}
const project = JSON.parse(readFileSync("package.json", "utf8"));
const platforms = { "linux-x64": "x64", "linux-arm64": "arm64" };
const nameOf = (platform) => `${scope}/banger-${platform}`;

// The version is that of the release, whatever this checkout says by now.
const bills = Object.keys(platforms)
  .map((platform) => join(from, `banger-${platform}.cdx.json`))
  .filter((file) => existsSync(file));
const versions = new Set(
  bills.map((file) => JSON.parse(readFileSync(file, "utf8")).metadata.component.version),
);
if (versions.size !== 1) {
  console.error(`banger: error: ${from} is of ${versions.size} versions`);
  process.exit(1);
}
const [version] = versions;

// Each in a folder that is called as npm calls its tarball.
const write = (manifest, files) => {
  const folder = join(to, `${manifest.name.slice(1).replace("/", "-")}-${version}`);
  for (const [target, [source, mode]] of Object.entries(files)) {
    mkdirSync(join(folder, target, ".."), { recursive: true });
    copyFileSync(source, join(folder, target));
    chmodSync(join(folder, target), mode);
  }
  const { license, engines } = project;
  const whole = { ...manifest, version, license, engines, files: Object.keys(files) };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(whole, null, 2)}\n`, { mode: 0o644 });
};
for (const [platform, cpu] of Object.entries(platforms)) {
  const executable = join(from, `banger-${platform}`);
  if (!existsSync(executable)) continue;
  write(
    {
      name: nameOf(platform),
      description: `The executable of banger for ${platform}; install ${scope}/banger`,
      os: ["linux"],
      cpu: [cpu],
      libc: ["glibc"],
      preferUnplugged: true,
    },
    {
      "bin/banger": [executable, 0o755],
      "sbom.cdx.json": [`${executable}.cdx.json`, 0o644],
      "THIRD-PARTY-LICENSES.txt": [join(from, "THIRD-PARTY-LICENSES.txt"), 0o644],
      LICENSE: ["LICENSE", 0o644],
    },
  );
}
write(
  {
    name: `${scope}/banger`,
    description: project.description,
    keywords: ["firecracker", "kernel", "linux", "microvm"],
    bin: { banger: "bin/launch.js" },
    optionalDependencies: Object.fromEntries(Object.keys(platforms).map((each) => [nameOf(each), version])),
  },
  {
    "bin/launch.js": ["packaging/npm/launch.js", 0o755],
    "README.md": ["packaging/npm/README.md", 0o644],
    LICENSE: ["LICENSE", 0o644],
  },
);
JS
# By tar and gzip, not by npm pack: that compresses with the zlib of whichever Node there is, and so to other bytes.
for folder in "$to.new"/*/; do
  tarball=$to.new/$(basename "$folder").tgz
  tar -c --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime=1985-10-26T08:15:00Z \
    --transform='s|^\.|package|' -C "$folder" . | gzip -n "-${GZIP_LEVEL:-9}" >"$tarball"
  rm -r "$folder"
done
mv "$to.new" "$to"
ls "$to"
