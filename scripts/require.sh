#!/bin/bash
# Makes sure that tools are there: scripts/require.sh TOOL…
# As root on Debian it installs the packages of those that are missing; otherwise it names them and exits 1.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Debian 12's package of each tool.
declare -A packages=(
  [bash]=bash [busybox-static]=busybox-static [bzip2]=bzip2 [curl]=curl [dash]=dash [git]=git [gzip]=gzip
  [losetup]=mount [lz4]=lz4 [lzop]=lzop [make]=make [minisign]=minisign [mke2fs]=e2fsprogs [mkfs.btrfs]=btrfs-progs
  [debugfs]=e2fsprogs [e2fsck]=e2fsprogs [mkfs.erofs]=erofs-utils [mkfs.xfs]=xfsprogs [mksquashfs]=squashfs-tools [mount]=mount
  [nginx]=nginx-light [openssl]=openssl [qemu-system-aarch64]=qemu-system-arm
  [qemu-system-x86_64]=qemu-system-x86 [readelf]=binutils [script]=bsdutils [setpriv]=util-linux
  [shellcheck]=shellcheck [strace]=strace [tar]=tar [unshare]=util-linux [xfs_io]=xfsprogs
  [taskset]=util-linux [time]=time [xz]=xz-utils [zstd]=zstd [flock]=util-linux [node]=nodejs [npm]=npm
  [shellcheck]=shellcheck [strace]=strace [tar]=tar [unshare]=util-linux [wget]=wget [xfs_io]=xfsprogs
  [xz]=xz-utils [zstd]=zstd [flock]=util-linux [node]=nodejs [npm]=npm
  [aarch64-linux-gnu-gcc]=gcc-aarch64-linux-gnu [x86_64-linux-gnu-gcc]=gcc-x86-64-linux-gnu
  [bc]=bc [ccache]=ccache [bison]=bison [flex]=flex [gcc]=gcc [gh]=gh [gpg]=gpg [gpgv]=gpgv
  [libc6-dev]=libc6-dev [libelf-dev]=libelf-dev [libssl-dev]=libssl-dev [pahole]=dwarves
  [perl]=perl [rclone]=rclone [linux-source-6.1]=linux-source-6.1
)
# The compiler of the machine itself has the long name too.
packages[$(uname -m)-linux-gnu-gcc]=gcc

has() {
  case $1 in
    # Debian's plain busybox has the same name and needs libraries that a root filesystem would lack.
    busybox-static) command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ;;
    node) command -v node >/dev/null && [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] ;;
    libc6-dev) [ -e /usr/include/stdlib.h ] ;;
    libelf-dev) [ -e /usr/include/libelf.h ] ;;
    linux-source-6.1) [ -e /usr/src/linux-source-6.1.tar.xz ] ;;
    libssl-dev) [ -e /usr/include/openssl/opensslv.h ] ;;
    # The shell has a word of that name.
    time) [ -x /usr/bin/time ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  local tool
  for tool in "$@"; do
    if [ -z "${packages[$tool]:-}" ]; then
      echo "require.sh: error: no package is known for \"$tool\"" >&2
      exit 2
    fi
    has "$tool" || echo "$tool"
  done
}

fail() {
  echo "banger: error: $1" >&2
  shift
  printf 'hint: %s\n' "$@" >&2
  exit 1
}

wanted=$(missing "$@")
[ -n "$wanted" ] || exit 0
mapfile -t tools <<<"$wanted"

for tool in "${tools[@]}"; do
  case $tool in
    node | npm) fail "$tool is missing or too old" "install Node 20 or newer with npm: Debian 12's own is too old" ;;
  esac
done

declare -A unique=()
for tool in "${tools[@]}"; do unique[${packages[$tool]}]=1; done
mapfile -t install < <(printf '%s\n' "${!unique[@]}" | sort)
command="apt-get install -y --no-install-recommends ${install[*]}"

if [ "$(id -u)" != 0 ]; then
  fail "these tools are missing: ${tools[*]}" "run as root: $command"
fi
if ! command -v apt-get >/dev/null; then
  fail "these tools are missing: ${tools[*]}" "they are in the Debian packages ${install[*]}"
fi

echo "installing ${install[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# No package may start a server here; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$log" "$policy"' EXIT
fi
# shellcheck disable=SC2086 # the command is split on purpose
if ! { apt-get update -qq && $command -qq; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  fail "the packages could not be installed: ${install[*]}" "run as root: apt-get update && $command"
fi
still=$(missing "$@")
[ -z "$still" ] || fail "still missing after the installation: ${still//$'\n'/ }" "run as root: $command"
