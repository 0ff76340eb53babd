#!/bin/sh
# SPDX-License-Identifier: ISC
#
# boot.sh DIRECTORY JOB RESULTS DISK SECONDS: boot the clean host that
# mkhost.sh made in DIRECTORY and run the shell script JOB there, as its first
# program. What JOB writes to the virtio port "results" becomes the file
# RESULTS; its console is our standard output. DISK is its disk, made if it is
# not there. Runs as root (virtiofsd shows root's file system, read-only
# inside). Ends when the host powers off or resets, or is ended after SECONDS;
# exit status: QEMU's. Invariant: ends what it started.
set -u
umask 022
dir=$1 job=$2 results=$3 disk=$4 seconds=$5
daemon=/usr/lib/qemu/virtiofsd
[ -x $daemon ] || daemon=/usr/libexec/virtiofsd
work=$(mktemp -d /run/postern-clean.XXXXXX) || exit 1
files=
finish()
{
	[ -z "$files" ] || kill "$files" 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# a disk for images: virtiofs, overlay and tmpfs cannot be idmapped on 6.1
if [ ! -f "$disk" ]; then
	truncate -s 2G "$disk"
	mke2fs -q -F -t ext4 "$disk" || exit 1
fi
khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)

$daemon --socket-path="$work/fs" -o source=/ -o sandbox=chroot \
    -o cache=always --rlimit-nofile=0 --thread-pool-size=2 \
    >"$work/log" 2>&1 &
files=$!
n=0
until [ -S "$work/fs" ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || {
		cat "$work/log" >&2
		exit 1
	}
	sleep 0.05
done
timeout -k 5 "$seconds" qemu-system-x86_64 -M microvm \
    -accel tcg,thread=multi -cpu max -smp 1 -m 3072 \
    -object memory-backend-memfd,id=ram,size=3072M,share=on \
    -machine memory-backend=ram -global virtio-mmio.force-legacy=false \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio \
    -kernel "$dir/vmlinux" -initrd "$dir/host.cpio" \
    -append "console=ttyS0 quiet panic=-1 reboot=t tsc_early_khz=$khz \
clean.job=$job" \
    -chardev socket,id=fs,path="$work/fs" \
    -device vhost-user-fs-device,chardev=fs,tag=root \
    -drive id=disk,file="$disk",format=raw,if=none,cache=unsafe \
    -device virtio-blk-device,drive=disk \
    -chardev file,id=results,path="$results" -device virtio-serial-device \
    -device virtserialport,chardev=results,name=results </dev/null
