#!/bin/sh
# SPDX-License-Identifier: ISC
#
# mkhost.sh DIRECTORY: make what boots a clean host from Debian's packages:
# vmlinux and host.cpio (its first program and the modules that reach the
# real root), kernel/ (all modules, indexed), and mkguest's Linux guest. Needs
# no root. Distrusts a directory left half-made: the stamp is written last.
set -eu
umask 022
PATH=/usr/sbin:/sbin:/usr/bin:/bin
export PATH LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd -P)
# in the order in which they go in
modules='virtio_ring virtio virtio_mmio virtio_blk virtio_console fuse
    virtiofs overlay'

die()
{
	echo "mkhost: $*" >&2
	exit 1
}

# tree OUT: the first root file system
tree()
{
	mkdir -p "$1/bin" "$1/dev" "$1/host" "$1/lib" "$1/new" "$1/proc" \
	    "$1/sys" "$1/top"
	cp "$dir/tools/bin/busybox" "$1/bin/busybox"
	cp "$here/host-init.sh" "$1/init"
	chmod 755 "$1/init"
	for m in $modules; do
		find "$dir/kernel/lib/modules" -name "$m.ko" \
		    -exec cp {} "$1/lib/" \;
		[ -f "$1/lib/$m.ko" ] || die "no module $m"
		echo "$m"
	done >"$1/lib/order"
}

[ $# -eq 1 ] || die "usage: mkhost.sh DIRECTORY"
dir=$1
"$here/../../contrib/mkguest" -k "$dir"
stamp="$(cat "$dir/stamp") $(cat "$0" "$here/host-init.sh" | cksum)"
[ "$(cat "$dir/host.stamp" 2>/dev/null || :)" != "$stamp" ] || exit 0
rm -f "$dir/host.stamp"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
for release in "$dir"/kernel/lib/modules/*; do
	depmod -b "$dir/kernel" "${release##*/}"
done
tree "$work/root"
(cd "$work/root" && find . | "$dir/tools/bin/busybox" cpio -o -H newc) \
    >"$dir/host.cpio" 2>/dev/null
echo "$stamp" >"$dir/host.stamp"
