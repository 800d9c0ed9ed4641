#!/bin/bash
# The main job of banger on the kernel in bundles/, from an empty home: called by make quickstart.
set -euo pipefail
exec 2>&1

cd "$(dirname "$0")/.."
work=build/quickstart
rm -rf "$work"
mkdir -p "$work/home"

# Nothing of this machine's settings: what is printed is what anybody gets.
banger() {
  env -i PATH="$PATH" HOME="$PWD/$work/home" LANG=C.UTF-8 BANGER_MIRRORS=bundles/ build/banger "$@"
}

# Prints a command as a person would type it, then runs it.
run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

echo "# The kernels come from the folder bundles/ of this checkout: export BANGER_MIRRORS=bundles/"
run banger kernel list --available
run banger kernel pull generic-6.12
run banger kernel show generic-6.12
run banger kernel verify generic-6.12
run scripts/make-rootfs.sh "$work/rootfs.ext4"
run banger image register --name myimg --rootfs "$work/rootfs.ext4" --kernel-ref generic-6.12

printf '\n$ %s\n' "banger image config myimg > $work/vm.json"
banger image config myimg >"$work/vm.json"
printf '\n$ %s\n' "cat $work/vm.json"
cat "$work/vm.json"

# The boot needs a virtual machine: QEMU does without KVM, and is installed where that may be.
if scripts/require.sh "qemu-system-$(uname -m)" >"$work/require.log" 2>&1; then
  run banger kernel boot generic-6.12
  run banger image boot myimg
else
  printf '\nTo see it boot, get QEMU (on Debian qemu-system-x86 or qemu-system-arm), then\n\n  banger kernel boot generic-6.12\n'
fi

printf '\nTo boot it, where there is Firecracker and KVM:\n\n  firecracker --no-api --config-file %s\n' "$work/vm.json"
