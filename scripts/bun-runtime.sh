#!/bin/bash
# Prints where Bun's runtime for an architecture is, and gets it first if it is not this machine's own:
#   scripts/bun-runtime.sh bun-linux-aarch64
# A package that is got comes from npm and must be, bit for bit, the one that package-lock.json pins; nothing
# says that Bun's own download (by --target) checks that.
set -euo pipefail

package=$1
cd "$(dirname "$0")/.."
own=node_modules/@oven/$package/bin/bun
if [ -x "$own" ]; then
  echo "$own"
  exit 0
fi

field() {
  node -p 'JSON.parse(require("fs").readFileSync("package-lock.json")).packages[process.argv[1]][process.argv[2]]' \
    "node_modules/@oven/$package" "$1"
}
version=$(field version)
integrity=$(field integrity)
folder=build/runtime/$package
mark=$folder/integrity

if [ ! -x "$folder/bun" ] || [ "$(cat "$mark" 2>/dev/null)" != "$integrity" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"
  tarball=$(npm pack --silent --pack-destination "$folder" "@oven/$package@$version" </dev/null)
  found=sha512-$(node -p 'require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64")' "$folder/$tarball")
  if [ "$found" != "$integrity" ]; then
    echo "banger: error: @oven/$package@$version is $found, package-lock.json pins $integrity" >&2
    exit 1
  fi
  tar -xzf "$folder/$tarball" -C "$folder" --strip-components=2 package/bin/bun
  rm "$folder/$tarball"
  chmod 755 "$folder/bun"
  echo "$integrity" >"$mark"
fi
echo "$folder/bun"
