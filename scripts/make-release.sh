#!/bin/bash
# Puts the executables of a release into build/release, with SHA256SUMS: called by make release.
# scripts/make-release.sh [TAG]; with a tag, it must be the version of package.json and the checkout clean.
set -euo pipefail

cd "$(dirname "$0")/.."
tag=${1:-}
version=v$(node -p 'JSON.parse(require("fs").readFileSync("package.json")).version')
if [ -n "$tag" ] && [ "$tag" != "$version" ]; then
  echo "banger: error: cannot release $tag: package.json says $version" >&2
  exit 1
fi
commit=$(cat build/commit)
case $tag:$commit in
  ?*:unknown | ?*:*-dirty)
    echo "banger: error: cannot release $tag: the executables are of the commit \"$commit\"" >&2
    echo "hint: commit or undo what git status shows, then run it again" >&2
    exit 1
    ;;
esac

rm -rf build/release build/release.new
mkdir -p build/release.new
install -m 755 build/banger-linux-x64 build/banger-linux-arm64 build/release.new/
(cd build/release.new && LC_ALL=C sha256sum banger-linux-arm64 banger-linux-x64 >SHA256SUMS)
mv build/release.new build/release
cat build/release/SHA256SUMS
