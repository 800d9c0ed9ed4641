#!/bin/bash
# Builds the rival of the boot row: the source of generic-6.12 with Firecracker's configuration as it is, in
# FOLDER/vmlinux. Takes as long as any kernel.
#   scripts/make-rival-kernel.sh FOLDER BASE.config CI.config
set -euo pipefail

folder=$1 base=$2 ci=$3
source=/usr/src/linux-source-6.12.tar.xz
[ -e "$source" ] || { echo "make-rival-kernel.sh: error: $source is missing; install linux-source-6.12" >&2; exit 1; }
rm -rf "$folder/source"
mkdir -p "$folder/source"
tar -xf "$source" -C "$folder/source" --strip-components=1
cat "$base" "$ci" >"$folder/source/.config"
export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=bench KBUILD_BUILD_HOST=bench
unset MAKEFLAGS MAKEOVERRIDES MFLAGS VERSION ARCH LINE
make -C "$folder/source" olddefconfig >"$folder/build.log"
make -C "$folder/source" -j"$(nproc)" vmlinux >>"$folder/build.log" 2>&1 ||
  { tail -n 20 "$folder/build.log" >&2; exit 1; }
strip -s -o "$folder/vmlinux.new" "$folder/source/vmlinux"
mv "$folder/vmlinux.new" "$folder/vmlinux"
rm -rf "$folder/source"
