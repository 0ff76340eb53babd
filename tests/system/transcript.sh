# SPDX-License-Identifier: ISC
# What the commands of day.transcript are here, and what happens to its host.
# Sourced after tests/lib/instance.sh.
# shellcheck shell=sh

postern()
{
	me "$@"
}

# sudo postern ...
sudo()
{
	shift
	as 0 "$@"
}

curl()
{
	in_ns curl "$@"
}

# VERSION, and OTHER, which is as long
versions()
{
	VERSION=$("$POSTERN_BIN" version | sed -n 's/^postern //p')
	case $VERSION in
	*1) OTHER=${VERSION%?}2 ;;
	*) OTHER=${VERSION%?}1 ;;
	esac
}

# Another build in the same place: the version that it tells is another.
the_daemon_is_upgraded()
{
	versions
	for _f in ctld ctld-client; do
		LC_ALL=C sed "s/\\x00$VERSION\\x00/\\x00$OTHER\\x00/" \
		    "$I/libexec/$_f" > "$I/libexec/new"
		cmp -s "$I/libexec/$_f" "$I/libexec/new" && return 1
		chmod 755 "$I/libexec/new"
		mv "$I/libexec/new" "$I/libexec/$_f"
	done
	_old=$(role_pid privd-front)
	kill "$_old"
	wait_for 100 "a new daemon" other_role privd-front "$_old"
	daemon_back
}

the_disk_is_full()
{
	# shellcheck disable=SC2016 # its own arguments
	in_ns sh -c 'cat /dev/zero > "$1/state/fill" 2> /dev/null' sh "$I"
	:
}

the_disk_has_room()
{
	in_ns rm "$I/state/fill"
}

# Nothing is left but the disk, and the kernel is another.
the_host_restarts()
{
	daemon_down
	for _v in "$CG"/v*; do
		[ ! -d "$_v" ] || echo 1 > "$_v/cgroup.kill"
	done
	for _n in 1 2 3 4 5 6 7 8 9 10; do
		find /sys/fs/cgroup -mindepth 2 -depth -type d \
		    -path "*/$INST-vms*" -exec rmdir {} + 2> /dev/null &&
		    break
		sleep 0.1
	done
	in_ns nft flush ruleset
	in_ns rm -rf "$I/run"
	cat /proc/sys/kernel/random/uuid > "$I/boot_id"
	in_ns mount --bind "$I/boot_id" /proc/sys/kernel/random/boot_id
	daemon_up
}
