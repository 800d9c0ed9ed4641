#!/bin/bash
# Puts a release together: called by make release.
#   scripts/make-release.sh [--from FOLDER] [--to FOLDER] [TAG]
# Takes banger-linux-x64 and banger-linux-arm64 from build/, and puts into build/release the executables, for each a
# bill of materials, THIRD-PARTY-LICENSES.txt, the completions, install.sh, and SHA256SUMS of all of it.
#
# With a tag, it must be the version of package.json, the checkout clean, and both executables there.
# RELEASES is the address that install.sh of this release downloads from. RELEASE_KEY is the file of the public key
# that it verifies by; by default packaging/minisign.pub, where there is one. The time in the bills is SOURCE_DATE_EPOCH, else that of the commit.
set -euo pipefail
umask 022

fail() {
  echo "banger: error: $1" >&2
  shift
  [ $# = 0 ] || printf 'hint: %s\n' "$@" >&2
  exit 1
}

from=build to=build/release
start=$PWD
cd "$(dirname "$0")/.."
while [ "${1:-}" = --from ] || [ "${1:-}" = --to ]; do
  case $1 in
    --from) from=$(cd "$start" && realpath "$2") ;;
    --to) to=$(cd "$start" && realpath -m "$2") ;;
  esac
  shift 2
done
tag=${1:-}
version=$(node -p 'JSON.parse(require("fs").readFileSync("package.json")).version')
if [ -n "$tag" ] && [ "$tag" != "v$version" ]; then
  fail "cannot release $tag: package.json says v$version"
fi
commit=$(cat build/commit)
case $tag:$commit in
  ?*:unknown | ?*:*-dirty)
    fail "cannot release $tag: the executables are of the commit \"$commit\"" \
      "commit or undo what git status shows, then run it again"
    ;;
esac
# The papers and install.sh are of the checkout too.
if [ -n "$tag" ] && [ -n "$(git status --porcelain)" ]; then
  fail "cannot release $tag: the checkout has changes" "commit or undo what git status shows, then run it again"
fi
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && [ "$commit" != unknown ]; then
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
fi
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-}

releases=${RELEASES:-}
if [ -n "$releases" ] && ! [[ $releases =~ ^https://[A-Za-z0-9./_~:-]+$ ]]; then
  fail "RELEASES is \"$releases\", expected an https:// address"
fi
key=
key_file=${RELEASE_KEY:-packaging/minisign.pub}
if [ -n "${RELEASE_KEY:-}" ] || [ -e "$key_file" ]; then
  key=$(tail -n 1 "$key_file")
  [[ $key =~ ^RW[A-Za-z0-9+/]{54}$ ]] || fail "$key_file is no public key of minisign"
fi

executables=()
for name in banger-linux-x64 banger-linux-arm64; do
  if [ -e "$from/$name" ]; then executables+=("$name"); elif [ -n "$tag" ]; then fail "there is no $from/$name"; fi
done
case $(uname -m) in aarch64) own=banger-linux-arm64 ;; *) own=banger-linux-x64 ;; esac
[ -e "$from/$own" ] || fail "there is no $from/$own, which the completions come from"

trap 'rm -rf "$to.new"' EXIT
rm -rf "$to" "$to.new"
mkdir -p "$to.new"
for name in "${executables[@]}"; do install -m 755 "$from/$name" "$to.new/"; done
"$(scripts/bun-path.sh)" packaging/write-papers.ts "$to.new" "$commit"
for shell in bash zsh fish; do
  env -i HOME=/nonexistent PATH=/usr/bin:/bin "$to.new/$own" completion "$shell" >"$to.new/banger.$shell"
done
sed -e "s|^built_in_releases=\$|built_in_releases=$releases|" \
  -e "s|^built_in_version=\$|built_in_version=$version|" \
  -e "s|^built_in_minisign_key=\$|built_in_minisign_key=$key|" packaging/install.sh >"$to.new/install.sh"
[ -z "$key" ] || install -m 644 "$key_file" "$to.new/minisign.pub"
chmod 644 "$to.new"/*.{json,txt,bash,zsh,fish}
chmod 755 "$to.new/install.sh"
sums=$(cd "$to.new" && LC_ALL=C && sha256sum -- *)
echo "$sums" >"$to.new/SHA256SUMS"
mv "$to.new" "$to"
cat "$to/SHA256SUMS"
