#!/bin/bash
# Makes a small ext4 root filesystem out of Debian's static busybox, without root: scripts/make-rootfs.sh OUT.ext4
#
# Its /sbin/init mounts /proc, /sys and /dev, prints "init: Linux RELEASE MACHINE" and gives a shell on the console;
# with banger.exit on the kernel's command line it ends the machine instead.
set -euo pipefail

if [ $# != 1 ]; then
  echo "usage: scripts/make-rootfs.sh OUT.ext4" >&2
  exit 2
fi
out=$1
PATH=$PATH:/usr/sbin:/sbin
"$(dirname "$0")/require.sh" mke2fs busybox-static

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,run,tmp,root,mnt}
busybox=$(command -v busybox)
cp "$busybox" "$root/bin/busybox"
while read -r applet; do
  case $applet in
    */busybox | */init | linuxrc) continue ;;
  esac
  mkdir -p "$root/$(dirname "$applet")"
  ln -sf /bin/busybox "$root/$applet"
done < <("$busybox" --list-full)

cat >"$root/sbin/init" <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
echo "init: Linux $(uname -r) $(uname -m)"
if ! grep -qw banger.exit /proc/cmdline; then
  setsid cttyhack /bin/sh
fi
sync
# Firecracker has no power button: it ends when its guest reboots, and so does qemu -no-reboot.
reboot -f
INIT
echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
echo "root:x:0:" >"$root/etc/group"
chmod 755 "$root/sbin/init" "$root/bin/busybox"
chmod 1777 "$root/tmp"

rm -f "$scratch/image"
truncate -s 16M "$scratch/image"
mke2fs -q -t ext4 -L rootfs -E root_owner=0:0 -d "$root" "$scratch/image"
mkdir -p "$(dirname "$out")"
# Written beside its final place first: whoever looks sees a whole image or none.
cp --sparse=always "$scratch/image" "$out.part"
mv "$out.part" "$out"
