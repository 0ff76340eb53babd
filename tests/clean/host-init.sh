#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: ISC
#
# The first program of the clean host: lays a file system in memory over that
# of the machine outside, which comes read-only by virtiofs, and goes on there
# with inside.sh beside the job that clean.job= names. Invariant: nothing
# written inside reaches the machine outside.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for m in $($b cat /lib/order); do
	$b insmod "/lib/$m.ko" || echo "clean host: no module $m"
done
n=0
until $b mount -t virtiofs -o ro root /host 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 400 ] || {
		echo "clean host: no virtiofs"
		$b poweroff -f
	}
	$b usleep 5000
done
$b mount -t tmpfs -o mode=755 top /top
$b mkdir /top/upper /top/work
$b mount -t overlay -o lowerdir=/host,upperdir=/top/upper,workdir=/top/work \
    root /new
for d in dev proc sys; do
	$b mount --move /$d /new/$d
done
for word in $($b cat /new/proc/cmdline); do
	case $word in
	clean.job=*) job=${word#clean.job=} ;;
	esac
done
exec $b switch_root /new /bin/sh "$job"
