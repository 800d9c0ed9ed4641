#!/bin/sh
# Prints where npm put Bun's own binary for this machine: install scripts are off, so node_modules/.bin/bun
# is a stub.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
case $(uname -m) in
  x86_64) package="bun-linux-x64" ;;
  aarch64) package="bun-linux-aarch64" ;;
  *)
    echo "banger: error: Bun does not run on $(uname -m), only on x86_64 and aarch64" >&2
    exit 1
    ;;
esac
bun=$here/node_modules/@oven/$package/bin/bun
if [ ! -x "$bun" ]; then
  echo "banger: error: there is no Bun in node_modules" >&2
  echo "hint: run: make node_modules" >&2
  exit 1
fi
echo "$bun"
